-- What people answered, one by one, to a tool that asked for several things at once, until it has all of them. The task
-- waits on one question meanwhile; with the last answer they become that question's answer, and go from here. The table
-- is new; the index locks agent against writes for as long as it reads it.

create table tool_input (
  tenant_id uuid not null,
  task_id uuid not null,
  -- of the task's pending question
  question_id uuid not null,
  -- of what the tool asked for
  name text not null,
  response json not null,
  answered_at timestamptz(3) not null default now(),
  primary key (question_id, name)
);
create index tool_input_age on tool_input (answered_at);

-- The mesh's own agents: few rows of a large table, looked through by every node in turn.
create index agent_of_tools on agent (id, tenant_id) where name = 'devmesh.tools' and deregistered_at is null;

alter table tool_input enable row level security;
create policy own_tenant on tool_input to devmesh_app using (tenant_id = any ((select devmesh_tenants())::uuid[]));
create policy engine on tool_input to devmesh_engine using (true);
grant select, insert, update, delete on tool_input to devmesh_app, devmesh_engine;
