-- Messages between agents, subscriptions, and the events of agents. All tables are new; writes to mailbox wait while its
-- indexes are built on rows that have a time to expire or a shared payload: none before this.

-- The same rule as models/topic.ts.
create function topic_matches(pattern text, topic text) returns boolean language sql immutable as $$
  select case when pattern = '>' or pattern like '%.>'
      then cardinality(string_to_array(topic, '.')) >= cardinality(string_to_array(pattern, '.'))
      else cardinality(string_to_array(topic, '.')) = cardinality(string_to_array(pattern, '.'))
    end and not exists (
      select from unnest(string_to_array(pattern, '.'), string_to_array(topic, '.')) as pair (asked, given)
      where asked not in ('*', '>') and asked <> given
    )
$$;

-- A plain one counts only while connection_id is the one that the agent's slot has; a durable one has none.
create table subscription (
  tenant_id uuid not null,
  agent_id uuid not null,
  topic text not null,
  -- the segments before the first wildcard
  head text not null,
  connection_id uuid,
  created_at timestamptz(3) not null default now(),
  foreign key (tenant_id, agent_id) references agent (tenant_id, id) on delete cascade
);
create index subscription_head on subscription (tenant_id, head, agent_id);
alter table subscription add primary key (agent_id, topic);

-- Null for the frames of tasks, which count towards no limit.
alter table mailbox
  add column counted_bytes int,
  -- where the payload is, if many have the same large one
  add column body_id uuid;
create index mailbox_expiry on mailbox (expires_at) where expires_at is not null;
create index mailbox_body on mailbox (body_id) where body_id is not null;

-- A payload that several mailboxes share: a large message to a thousand agents is written once. Kept while one has it.
create table mail_body (
  tenant_id uuid not null,
  id uuid not null,
  payload json not null,
  created_at timestamptz(3) not null default now(),
  primary key (id)
);
create index mail_body_age on mail_body (created_at);

-- How full a mailbox is, at most: acknowledging does not write it. It is counted anew under the slot's lock when it
-- seems full and something was acknowledged since.
create table mailbox_size (
  tenant_id uuid not null,
  agent_id uuid not null,
  frames int not null,
  bytes bigint not null,
  -- agent_slot.acked_seq when it was counted
  counted_seq bigint not null,
  -- null: it has only been added to
  counted_at timestamptz(3),
  primary key (agent_id)
);

-- What became of messages whose sender gave them an id, so that sending again changes nothing. Kept for 24 h.
create table sent_message (
  tenant_id uuid not null,
  sender_id uuid not null,
  message_id uuid not null,
  accepted int,
  queued int,
  created_at timestamptz(3) not null default now(),
  primary key (sender_id, message_id)
);
create index sent_message_age on sent_message (created_at);

-- What happened to agents, and its outbox: numbered per tenant together with task_event. Kept for 7 days.
create table agent_event (
  tenant_id uuid not null,
  agent_id uuid not null,
  type text not null,
  at timestamptz(3) not null default now(),
  data json not null,
  recorded bigint generated always as identity primary key,
  position bigint
);
create index agent_event_unnumbered on agent_event (recorded) where position is null;
create unique index agent_event_position on agent_event (tenant_id, position) where position is not null;
create index agent_event_age on agent_event (at);

-- Several statements change agents, and each of them tells. By triggers, so that none is forgotten; they fire for what
-- names these columns only, which taking a slot or a seq does not.
create function tell_of_agent() returns trigger language plpgsql as $$
declare
  happened text[] := '{}';
  what text;
begin
  if tg_op = 'INSERT' then happened := array['agent.registered'];
  elsif new.deregistered_at is not null and old.deregistered_at is null then happened := array['agent.deregistered'];
  else
    if new.admin <> old.admin then
      happened := array[case new.admin when 'paused' then 'agent.paused' when 'revoked' then 'agent.revoked'
        else 'agent.resumed' end];
    end if;
    if (new.kind, new.capabilities, new.availability, new.metadata, new.delivery)
      is distinct from (old.kind, old.capabilities, old.availability, old.metadata, old.delivery) then
      happened := happened || 'agent.updated'::text;
    end if;
  end if;
  foreach what in array happened loop
    insert into agent_event (tenant_id, agent_id, type, data)
    values (new.tenant_id, new.id, what, json_build_object('name', new.name, 'availability', new.availability));
  end loop;
  return null;
end $$;
create trigger tell_of_agent after insert or update of kind, capabilities, availability, metadata, delivery, admin,
  deregistered_at on agent for each row execute function tell_of_agent();

create function tell_of_slot() returns trigger language plpgsql as $$
declare
  before uuid := case when tg_op = 'UPDATE' then old.connection_id end;
  agent_name text := (select a.name from agent a where a.tenant_id = new.tenant_id and a.id = new.agent_id);
begin
  if before is distinct from new.connection_id then
    insert into agent_event (tenant_id, agent_id, type, data)
    values (new.tenant_id, new.agent_id,
      case when new.connection_id is null then 'agent.disconnected' else 'agent.connected' end,
      json_build_object('name', agent_name, 'connectionId', coalesce(new.connection_id, before)));
  end if;
  if tg_op = 'UPDATE' and old.max_concurrency <> new.max_concurrency then
    insert into agent_event (tenant_id, agent_id, type, data)
    values (new.tenant_id, new.agent_id, 'agent.updated',
      json_build_object('name', agent_name, 'maxConcurrency', new.max_concurrency));
  end if;
  return null;
end $$;
create trigger tell_of_slot after insert or update of connection_id, max_concurrency on agent_slot
  for each row execute function tell_of_slot();

-- How far a tenant's events have been put into the mailboxes of durable subscribers; no row where there are none.
create table event_fan_out (
  tenant_id uuid primary key references tenant,
  position bigint not null
);

do $$
declare name text;
begin
  foreach name in array array['subscription', 'mail_body', 'mailbox_size', 'sent_message', 'agent_event', 'event_fan_out'] loop
    execute format('alter table %I enable row level security', name);
    execute format('create policy own_tenant on %I to devmesh_app
      using (tenant_id = any ((select devmesh_tenants())::uuid[]))', name);
    execute format('create policy engine on %I to devmesh_engine using (true)', name);
    execute format('grant select, insert, update, delete on %I to devmesh_app, devmesh_engine', name);
  end loop;
end $$;
