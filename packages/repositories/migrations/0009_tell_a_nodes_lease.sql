-- How long a node's lease is, so that others can tell how long ago it was renewed. A new column without a default locks
-- the table for a moment and rewrites nothing; nodes of the version before leave it null, and are told by their lease's
-- end alone.

alter table node add column lease_ms int;
