-- Agents that claim their tasks. A new column without a default locks the table for a moment and rewrites nothing; no
-- index, so that renewing a presence stays in the page.

alter table agent_slot
  -- set while the agent claims its tasks (`agent.delivery` is `pull`): until when it counts as present, unless it says
  -- something again. Such an agent holds no connection.
  add column present_until timestamptz(3);

-- those that an operator has made by hand: they are there when they say something
update agent_slot s set present_until = s.last_seen_at
from agent a
where a.id = s.agent_id and a.delivery = 'pull' and a.deregistered_at is null and s.connection_id is null;
