-- Dead letters: one view over tasks that failed and messages that could not be handled, who redrove or purged them, and
-- jobs that redrive many. A new column with a constant default rewrites no table; the tables are new. Tasks that have
-- failed before are entered; services of the version before enter none, and their failed tasks are found by a redrive.

alter table task
  -- how often it was redriven on demand; read under the task's lock, which is what makes the limit hold
  add column redrives int not null default 0;

-- What died, by the id of the task, or of the message on its first death. One row over all its deaths.
create table dead_letter (
  -- the nil uuid where a message names no tenant
  tenant_id uuid not null,
  id uuid not null,
  kind text not null check (kind in ('task', 'message')),
  queue text not null,
  type text,
  reason text not null,
  message text not null,
  failed_at timestamptz(3) not null default now(),
  -- dead; redriving: claimed, the message is still to be sent; redriven; purging: still to be deleted from SQS; purged
  state text not null default 'dead',
  redrives int not null default 0,
  -- the job whose move by SQS has it in hand
  job_id uuid,
  -- of messages alone: SQS's id on the latest death, the body as a JSON string, its own attributes
  message_id text,
  body json,
  attributes json,
  receive_count int
);
create index dead_letter_listed on dead_letter (tenant_id, failed_at desc, id desc) where state in ('dead', 'redriving');
create index dead_letter_over on dead_letter (failed_at) where kind = 'message' and state in ('redriven', 'purged');
create index dead_letter_in_hand on dead_letter (id) where state in ('redriving', 'purging');
alter table dead_letter add primary key (id);

-- Every redrive and purge that was asked for, carried out or not.
create table dead_letter_audit (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  dead_letter_id uuid not null,
  action text not null check (action in ('redrive', 'purge')),
  -- null: SQS itself, or the mesh
  api_key_id uuid,
  force boolean not null default false,
  -- pending, redriven, refused, failed, stopped, purged
  outcome text not null,
  detail text,
  job_id uuid,
  at timestamptz(3) not null default now()
);
create index dead_letter_audit_pending on dead_letter_audit (dead_letter_id) where outcome = 'pending';
create index dead_letter_audit_job on dead_letter_audit (job_id) where job_id is not null;
create index dead_letter_audit_listed on dead_letter_audit (tenant_id, at desc, id desc);
create index dead_letter_audit_letter on dead_letter_audit (dead_letter_id, at, id);
alter table dead_letter_audit add primary key (id);

create table redrive_job (
  tenant_id uuid not null,
  id uuid not null,
  -- queued, running, stopping, stopped, completed, failed
  state text not null default 'queued',
  filter jsonb not null,
  -- whose dead letters it may touch
  tenants uuid[] not null,
  rate_per_second int not null,
  force boolean not null,
  api_key_id uuid not null,
  total int not null,
  done int not null default 0,
  failed int not null default 0,
  skipped int not null default 0,
  -- the last dead letter that was handled, oldest first
  cursor_at timestamptz(3),
  cursor_id uuid,
  -- native: SQS moves the whole queue; single: one by one
  method text not null default 'single',
  error text,
  created_at timestamptz(3) not null default now(),
  started_at timestamptz(3),
  finished_at timestamptz(3)
);
create index redrive_job_open on redrive_job (created_at) where finished_at is null;
create index redrive_job_listed on redrive_job (tenant_id, created_at desc, id desc);
alter table redrive_job add primary key (id);

insert into dead_letter (tenant_id, id, kind, queue, type, reason, message, failed_at)
select t.tenant_id, t.id, 'task', 'tasks', b.type, coalesce(t.error->>'class', 'unknown'), left(coalesce(t.error->>'message', ''), 1000),
  coalesce(t.finished_at, t.updated_at)
from task t
join task_body b on b.task_id = t.id
where t.state = 'failed' and t.error::text not like '%\\u0000%';

do $$
declare name text;
begin
  foreach name in array array['dead_letter', 'dead_letter_audit', 'redrive_job'] loop
    execute format('alter table %I enable row level security', name);
    execute format('create policy own_tenant on %I to devmesh_app
      using (tenant_id = any ((select devmesh_tenants())::uuid[]))', name);
    execute format('create policy engine on %I to devmesh_engine using (true)', name);
    execute format('grant select, insert, update, delete on %I to devmesh_app, devmesh_engine', name);
  end loop;
end $$;
