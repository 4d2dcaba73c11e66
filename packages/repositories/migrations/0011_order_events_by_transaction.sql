-- Events have their order from the transaction that wrote them, (xid, recorded), and are numbered no more: whoever reads
-- takes those whose xid is below every open transaction's. docs/decisions/020-events-by-transaction.md.
--
-- The new columns have constant defaults and rewrite nothing; the defaults of rows to come are set after that. The indexes
-- hold no row from before but those below; building them reads both tables once, while writes to them wait. They are
-- partial for a second reason: no look-up of a task's history can take them for its own.
--
-- Processes of the version before go on: what they insert has its xid, and they may read positions by their index, which
-- costs nothing while none is written. Their relay has lost its index of unnumbered events and gets slow where there are
-- many: replace workers first. `position`, its indexes and event_cursor go when that version is gone.

-- Rows from before are below every cursor. Agents' events draw on the sequence of tasks' events: one order for both.
alter table task_event add column xid xid8 not null default '0';
alter table task_event alter column xid set default pg_current_xact_id();
alter table agent_event add column xid xid8 not null default '0';
alter table agent_event alter column xid set default pg_current_xact_id();
select setval('task_event_recorded_seq', greatest(
  (select last_value from task_event_recorded_seq), (select last_value from agent_event_recorded_seq)));
alter table agent_event alter column recorded drop identity;
alter table agent_event alter column recorded set default nextval('task_event_recorded_seq');
grant usage on sequence task_event_recorded_seq to devmesh_app, devmesh_engine;

-- The events of all tenants in order, and those of one. In this order: of what looks equal while the tables are empty the
-- planner takes the youngest, and a plan that is kept must be right later.
create index task_event_relay on task_event (xid, recorded) where xid > '0';
create index task_event_order on task_event (tenant_id, xid, recorded) where xid > '0';
create index agent_event_relay on agent_event (xid, recorded) where xid > '0';
create index agent_event_order on agent_event (tenant_id, xid, recorded) where xid > '0';

-- How far the relay has read. One row.
create table relay_cursor (
  is_only boolean primary key default true check (is_only),
  xid xid8 not null,
  recorded bigint not null
);
insert into relay_cursor (xid, recorded) values ('0', 0);
grant select, update on relay_cursor to devmesh_engine;

alter table event_fan_out add column xid xid8 not null default '0';
alter table event_fan_out add column recorded bigint not null default 0;
alter table event_fan_out alter column xid set default pg_snapshot_xmin(pg_current_snapshot());

-- What the relay or durable subscribers still have to get. Numbers of the two tables may be equal up to here, and would be
-- in one transaction now: those of agents' events are drawn anew.
update task_event set xid = pg_current_xact_id() where position is null;
update task_event e set xid = pg_current_xact_id()
from event_fan_out f where e.tenant_id = f.tenant_id and e.position > f.position;
update agent_event e set xid = pg_current_xact_id(), recorded = nextval('task_event_recorded_seq')
where position is null
  or exists (select from event_fan_out f where f.tenant_id = e.tenant_id and e.position > f.position);

drop index task_event_turn;
drop index agent_event_unnumbered;
