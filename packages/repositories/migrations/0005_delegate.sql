-- How deep a task was delegated, the parents that wait for a slot, and the children that are not finished yet.
-- New columns have constant defaults and rewrite no table. The indexes of children are built while writes to task wait,
-- over the tasks that were delegated: few, since nothing yielded for them so far.

alter table task
  -- 0 for a task that nobody delegated, else one more than its parent
  add column depth int not null default 0;
-- in the order of their submission, for the newest of very many
create index task_children_by_id on task (parent_id, id) where parent_id is not null;
drop index task_children;
-- parent_id never changes, and finished_at stands in indexes already
create index task_open_children on task (parent_id, id) where parent_id is not null and finished_at is null;

alter table agent_slot
  -- assignments whose children are final and that wait for a slot to go on: so many slots are kept free of new tasks
  add column awaited int not null default 0 check (awaited >= 0);

-- who waits for a slot of an agent, the oldest first
create index assignment_awaited on assignment (agent_id, id) where is_open and slot = 'awaited';
