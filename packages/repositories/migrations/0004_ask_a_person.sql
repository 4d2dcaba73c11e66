-- What people answered to the questions of a task. Locks task for a moment: a new column with a constant default
-- rewrites no table. `answer_count` says whether there is anything to read here, so that tasks without questions, which
-- are nearly all, cost no look-up when they are assigned or shown.

alter table task add column answer_count int not null default 0;

create table task_answer (
  tenant_id uuid not null,
  task_id uuid not null,
  -- its place among the answers of the task, from 1
  number int not null,
  question_id uuid not null,
  assignment_id uuid not null,
  question text not null,
  answer json not null,
  -- JSON of `{kind, id?}`: the API key, or `default` where nobody answered in time
  answered_by json not null,
  answered_at timestamptz(3) not null default now(),
  primary key (task_id, number)
);

alter table task_answer enable row level security;
create policy own_tenant on task_answer to devmesh_app using (tenant_id = any ((select devmesh_tenants())::uuid[]));
create policy engine on task_answer to devmesh_engine using (true);
grant select, insert, update, delete on task_answer to devmesh_app, devmesh_engine;
