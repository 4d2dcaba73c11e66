-- Collections of documents, their chunks and vectors, found by words and by nearness; and vectors that were paid for once.
-- Every table is new: nothing that is in use is locked. docs/decisions/021-a-partition-for-each-collection.md.
--
-- document, chunk and chunk_vector have a partition for each collection, in the schema `collections`, which nobody may
-- use but the schema's owner: everybody else goes through the parents, where the policies are. make_collection_storage
-- makes them and drop_collection_storage drops them; nothing else may. A partition is made beside its parent and then
-- attached, so that what goes on in other collections is not held up. No index begins with collection_id: within a
-- partition it tells nothing apart, and without statistics the planner would take such an index for a look-up by it.

create schema collections;

create table collection (
  tenant_id uuid not null references tenant,
  id uuid not null,
  kind text not null check (kind in ('user', 'knowledge', 'contexts')),
  name text not null,
  description text,
  model text not null,
  dimensions int not null check (dimensions between 1 and 4000),
  distance text not null check (distance in ('cosine', 'dot', 'l2')),
  storage text not null check (storage = 'halfvec' or storage = 'vector' and dimensions <= 2000),
  hnsw_m int not null check (hnsw_m between 4 and 100),
  hnsw_ef_construction int not null check (hnsw_ef_construction between 2 * hnsw_m and 1000),
  hnsw_ef_search int not null check (hnsw_ef_search between 10 and 1000),
  chunking jsonb not null,
  context text not null check (context in ('none', 'claude')),
  language text not null,
  created_at timestamptz(3) not null default now(),
  -- gone for everybody; its storage waits to be dropped
  deleted_at timestamptz(3)
);
create unique index collection_name on collection (tenant_id, name) where kind = 'user' and deleted_at is null;
create unique index collection_kept on collection (tenant_id, kind) where kind <> 'user' and deleted_at is null;
create index collection_listed on collection (tenant_id, created_at desc, id desc) where kind = 'user' and deleted_at is null;
create index collection_deleted on collection (deleted_at) where deleted_at is not null;
alter table collection add primary key (id, tenant_id);

-- Which metadata its documents have ever had.
create table collection_field (
  tenant_id uuid not null,
  collection_id uuid not null,
  path text not null,
  type text not null check (type in ('string', 'number', 'boolean')),
  primary key (collection_id, path, type),
  foreign key (collection_id, tenant_id) references collection (id, tenant_id) on delete cascade
);

create table document (
  tenant_id uuid not null,
  collection_id uuid not null,
  id uuid not null,
  external_id text not null collate "C",
  media_type text,
  metadata jsonb not null,
  content_hash text not null,
  version int not null default 1,
  -- the version that its chunks are of
  content_version int not null default 1,
  chunk_count int not null,
  -- the import that wrote it last
  import_id uuid,
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now(),
  content text not null,
  primary key (id, collection_id),
  unique (external_id, collection_id)
) partition by list (collection_id);
create index document_listed on document (created_at desc, id desc) include (tenant_id, chunk_count);
-- a short list of what is not sorted in yet: every search reads all of it
create index document_metadata on document using gin (metadata jsonb_path_ops) with (gin_pending_list_limit = 256);

create table chunk (
  tenant_id uuid not null,
  collection_id uuid not null,
  document_id uuid not null,
  id uuid not null,
  ordinal int not null,
  start_at int not null,
  end_at int not null,
  tokens int not null,
  heading text,
  -- what a model wrote about it
  context text,
  content text not null,
  -- of heading (A), context (B) and content (D), in the collection's language
  words tsvector not null,
  primary key (id, collection_id)
) partition by list (collection_id);
create index chunk_document on chunk (document_id);
create index chunk_words on chunk using gin (words) with (gin_pending_list_limit = 256);

-- Apart from the text: it comes later, and must not write the text again. One of the two columns is set, and indexed.
create table chunk_vector (
  tenant_id uuid not null,
  collection_id uuid not null,
  document_id uuid not null,
  chunk_id uuid not null,
  embedding vector,
  half halfvec,
  primary key (chunk_id, collection_id)
) partition by list (collection_id);
create index chunk_vector_document on chunk_vector (document_id);

-- Documents whose chunks wait for vectors, and those that were given up. Any other document is indexed.
create table pending_document (
  tenant_id uuid not null,
  collection_id uuid not null,
  document_id uuid not null,
  -- the document's content_version
  version int not null,
  -- when somebody may take it: at once, or when the time of who has it runs out
  due_at timestamptz(3) not null default now(),
  -- somebody took it to work on it; false where it was put off
  on_the_way boolean not null default false,
  -- since when it waits, whoever took it meanwhile
  since timestamptz(3) not null default now(),
  -- why it was given up
  error jsonb
);
create index pending_document_due on pending_document (tenant_id, due_at, document_id) where error is null;
create index pending_document_since on pending_document (since) where error is null;
create index pending_document_of on pending_document (collection_id, document_id);
alter table pending_document add primary key (document_id);

-- Vectors by SHA-256 of model, dimensions and text. Of no tenant: who can ask has the text.
create table embedding_cache (
  key bytea primary key,
  -- numbers of four bytes, little-endian
  vector bytea not null,
  used_on date not null default current_date
);
create index embedding_cache_age on embedding_cache (used_on);
alter table embedding_cache alter column vector set storage external;

do $$
declare name text;
begin
  foreach name in array array['collection', 'collection_field', 'document', 'chunk', 'chunk_vector', 'pending_document']
  loop
    execute format('alter table %I enable row level security', name);
    execute format('create policy own_tenant on %I to devmesh_app
      using (tenant_id = any ((select devmesh_tenants())::uuid[]))', name);
    execute format('create policy engine on %I to devmesh_engine using (true)', name);
    execute format('grant select, insert, update, delete on %I to devmesh_app, devmesh_engine', name);
  end loop;
end $$;
alter table embedding_cache enable row level security;
create policy engine on embedding_cache to devmesh_engine using (true);
grant select, insert, update, delete on embedding_cache to devmesh_engine;

-- Makes the partitions of a collection that the caller has just written, and the index that the collection's row
-- asks for. A tenant sees its own row alone, so it can make no other's.
create function make_collection_storage(asked_tenant uuid, asked_id uuid) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  asked public.collection;
  suffix text := replace(asked_id::text, '-', '_');
  vectors text; -- the schema that pgvector is in
  part text;
  parent text;
begin
  if current_setting('role') <> 'devmesh_engine' and not asked_tenant = any (coalesce(public.devmesh_tenants(), '{}')) then
    raise insufficient_privilege using message = 'a tenant makes the storage of its own collections alone';
  end if;
  select * into asked from public.collection c
  where c.id = asked_id and c.tenant_id = asked_tenant and c.deleted_at is null;
  if not found then
    raise insufficient_privilege using message = format('no collection %s of tenant %s', asked_id, asked_tenant);
  end if;
  select n.nspname into strict vectors
  from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'vector';

  foreach parent in array array['document', 'chunk', 'chunk_vector'] loop
    part := parent || '_' || suffix;
    execute format('create table collections.%I (like public.%I including defaults including storage)', part, parent);
    -- content apart: metadata, and what ranks chunks, is read of many rows at a time
    execute format('alter table collections.%I set (toast_tuple_target = %s)', part,
      case parent when 'document' then 512 else 4080 end);
    -- in the row where at least three fit into a page; else out of line, in less space
    if parent = 'chunk_vector' and asked.dimensions <= (case asked.storage when 'vector' then 600 else 1200 end) then
      execute format('alter table collections.%I alter embedding set storage plain, alter half set storage plain', part);
    end if;
    execute format('alter table public.%I attach partition collections.%I for values in (%L)', parent, part, asked_id);
  end loop;

  execute format(
    'create index %I on collections.%I using hnsw ((%I::%I.%I(%s)) %I.%I) with (m = %s, ef_construction = %s)',
    'near_' || suffix,
    'chunk_vector_' || suffix,
    case asked.storage when 'vector' then 'embedding' else 'half' end,
    vectors, asked.storage, asked.dimensions,
    vectors, asked.storage || case asked.distance when 'cosine' then '_cosine_ops' when 'dot' then '_ip_ops' else '_l2_ops' end,
    asked.hnsw_m, asked.hnsw_ef_construction);
end $$;
revoke execute on function make_collection_storage from public;
grant execute on function make_collection_storage to devmesh_app, devmesh_engine;

-- Drops the storage of a collection that was deleted. Locks the parents for a moment, and gives up where it would wait.
create function drop_collection_storage(asked_id uuid) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '300ms' as $$
declare
  suffix text := replace(asked_id::text, '-', '_');
begin
  if not exists (select from public.collection c where c.id = asked_id and c.deleted_at is not null) then
    raise object_not_in_prerequisite_state using message = format('collection %s is in use', asked_id);
  end if;
  execute format('drop table if exists collections.%I, collections.%I, collections.%I',
    'document_' || suffix, 'chunk_' || suffix, 'chunk_vector_' || suffix);
end $$;
revoke execute on function drop_collection_storage from public;
grant execute on function drop_collection_storage to devmesh_engine;
