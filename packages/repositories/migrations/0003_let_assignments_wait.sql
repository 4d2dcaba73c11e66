-- An accepted assignment may stand still: while a person is asked, or while what was delegated from it is under way.
-- New columns with constant defaults rewrite no table; the index is built while writes to assignment wait, on the rows
-- that wait for an answer: none yet.

alter table assignment
  -- JSON of the pending question; null where none is
  add column question json,
  -- when it was asked; null where none is pending, so that accepting and completing touch no index
  add column asked_at timestamptz(3),
  -- what was left of the attempt's time when its clock was stopped; null while it runs
  add column attempt_left_ms int,
  -- held: it takes one of the agent's slots while it is open; yielded: not while its children run; awaited: its children
  -- are final and it waits for a slot to go on
  add column slot text not null default 'held' check (slot in ('held', 'yielded', 'awaited'));
create index assignment_asked on assignment (tenant_id, asked_at, id) where asked_at is not null;
