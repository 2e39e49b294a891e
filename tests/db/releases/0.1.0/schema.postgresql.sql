CREATE TABLE public.activity (
    name text NOT NULL,
    options text NOT NULL,
    tags text NOT NULL,
    created_at bigint NOT NULL
);
CREATE TABLE public.alias (
    workflow_id uuid NOT NULL,
    name text NOT NULL,
    description text,
    routes text NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL
);
CREATE TABLE public.attempt (
    task_id uuid NOT NULL,
    attempt integer NOT NULL,
    owner text,
    outcome text NOT NULL,
    error text,
    cause text,
    logs text NOT NULL,
    started_at bigint,
    finished_at bigint NOT NULL
);
CREATE TABLE public.event_config (
    name text NOT NULL,
    qualifier text NOT NULL,
    options text NOT NULL,
    modified_at bigint NOT NULL
);
CREATE TABLE public.execution (
    id uuid NOT NULL,
    name text,
    workflow_id uuid NOT NULL,
    workflow text NOT NULL,
    version_id uuid NOT NULL,
    version integer NOT NULL,
    status text NOT NULL,
    paused boolean NOT NULL,
    revision integer NOT NULL,
    history_count integer NOT NULL,
    state text,
    entry integer NOT NULL,
    entered_at bigint NOT NULL,
    waiting text NOT NULL,
    retries text NOT NULL,
    open integer NOT NULL,
    data text NOT NULL,
    input text NOT NULL,
    output text,
    error text,
    cause text,
    created_at bigint NOT NULL,
    finished_at bigint,
    published integer,
    alias text,
    trace text,
    redrives integer DEFAULT 0 NOT NULL,
    redriven_at bigint,
    begun integer NOT NULL,
    children integer NOT NULL,
    variables text NOT NULL,
    parent text
)
WITH (fillfactor='80');
CREATE TABLE public.frame (
    execution_id uuid NOT NULL,
    path text NOT NULL,
    state text NOT NULL,
    entry integer NOT NULL,
    entered_at bigint NOT NULL,
    waiting text NOT NULL,
    retries text NOT NULL,
    open integer NOT NULL,
    data text NOT NULL,
    output text,
    begun integer NOT NULL,
    children integer NOT NULL,
    variables text NOT NULL,
    item text
)
WITH (fillfactor='80');
CREATE TABLE public.function_alias (
    name text NOT NULL,
    alias text NOT NULL,
    version text NOT NULL,
    weights text NOT NULL,
    description text NOT NULL,
    revision text NOT NULL
);
CREATE TABLE public.function_code (
    sha256 text NOT NULL,
    size integer NOT NULL,
    content bytea NOT NULL
);
CREATE TABLE public.function_permission (
    name text NOT NULL,
    qualifier text NOT NULL,
    sid text NOT NULL,
    statement text NOT NULL,
    created_at bigint NOT NULL
);
CREATE TABLE public.function_seat (
    id uuid NOT NULL,
    name text NOT NULL,
    lease_until bigint NOT NULL
);
CREATE TABLE public.function_version (
    name text NOT NULL,
    number integer NOT NULL,
    options text NOT NULL,
    code text NOT NULL,
    revision text NOT NULL,
    modified_at bigint NOT NULL
);
CREATE TABLE public.history (
    execution_id uuid NOT NULL,
    id integer NOT NULL,
    type text NOT NULL,
    at bigint NOT NULL,
    frame text NOT NULL,
    step text,
    details text NOT NULL
);
CREATE TABLE public.map_run (
    id uuid NOT NULL,
    execution_id uuid NOT NULL,
    frame text NOT NULL,
    entry integer NOT NULL,
    label text NOT NULL,
    version_id uuid NOT NULL,
    workflow_id uuid NOT NULL,
    status text NOT NULL,
    plan text NOT NULL,
    total integer NOT NULL,
    base integer NOT NULL,
    next integer NOT NULL,
    "offset" bigint NOT NULL,
    begun integer NOT NULL,
    open integer NOT NULL,
    succeeded integer NOT NULL,
    failed integer NOT NULL,
    failed_items integer NOT NULL,
    error text,
    cause text,
    created_at bigint NOT NULL,
    finished_at bigint,
    redrives integer NOT NULL,
    again integer NOT NULL,
    again_end integer NOT NULL,
    redriven_at bigint,
    unread bigint,
    written integer DEFAULT 0 NOT NULL,
    sizes text DEFAULT '{}'::text NOT NULL,
    changes text DEFAULT '{}'::text NOT NULL
);
CREATE TABLE public.schema_migration (
    id integer NOT NULL,
    name character varying(255) NOT NULL,
    applied timestamp without time zone NOT NULL
);
CREATE SEQUENCE public.schema_migration_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.schema_migration_id_seq OWNED BY public.schema_migration.id;
CREATE TABLE public.start_key (
    key text NOT NULL,
    body_hash text NOT NULL,
    execution_id uuid NOT NULL,
    created_at bigint NOT NULL
);
CREATE TABLE public.stored_function (
    name text NOT NULL,
    published integer NOT NULL,
    reserved integer,
    tags text NOT NULL,
    created_at bigint NOT NULL
);
CREATE TABLE public.task (
    id uuid NOT NULL,
    execution_id uuid NOT NULL,
    number integer NOT NULL,
    frame text NOT NULL,
    entry integer NOT NULL,
    step text NOT NULL,
    function text NOT NULL,
    status text NOT NULL,
    attempt integer NOT NULL,
    retries integer NOT NULL,
    losses integer NOT NULL,
    owner text,
    lease_until bigint,
    deadline_at bigint,
    timeout_seconds real,
    queued_at bigint,
    missing_since bigint,
    token text,
    data text NOT NULL,
    input text,
    result text,
    error text,
    cause text,
    created_at bigint NOT NULL,
    started_at bigint,
    finished_at bigint,
    heartbeat_seconds real,
    beat_by bigint
)
WITH (fillfactor='80');
CREATE TABLE public.timer (
    execution_id uuid NOT NULL,
    frame text NOT NULL,
    entry integer NOT NULL,
    number integer NOT NULL,
    kind text NOT NULL,
    due_at bigint NOT NULL
);
CREATE TABLE public.version (
    id uuid NOT NULL,
    workflow_id uuid NOT NULL,
    number integer NOT NULL,
    definition text NOT NULL,
    compiled text NOT NULL,
    options text NOT NULL,
    published integer,
    published_at bigint,
    description text,
    created_at bigint NOT NULL
);
CREATE TABLE public.worker (
    owner text NOT NULL,
    functions text NOT NULL,
    seen_at bigint NOT NULL
);
CREATE TABLE public.workflow (
    id uuid NOT NULL,
    name text NOT NULL,
    kind text NOT NULL,
    latest integer NOT NULL,
    first integer NOT NULL,
    published integer NOT NULL,
    tags text NOT NULL,
    created_at bigint NOT NULL,
    deleted_at bigint
);
ALTER TABLE ONLY public.schema_migration ALTER COLUMN id SET DEFAULT nextval('public.schema_migration_id_seq'::regclass);
ALTER TABLE ONLY public.activity
    ADD CONSTRAINT activity_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.alias
    ADD CONSTRAINT alias_pkey PRIMARY KEY (workflow_id, name);
ALTER TABLE ONLY public.attempt
    ADD CONSTRAINT attempt_pkey PRIMARY KEY (task_id, attempt);
ALTER TABLE ONLY public.event_config
    ADD CONSTRAINT event_config_pkey PRIMARY KEY (name, qualifier);
ALTER TABLE ONLY public.execution
    ADD CONSTRAINT execution_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.frame
    ADD CONSTRAINT frame_pkey PRIMARY KEY (execution_id, path);
ALTER TABLE ONLY public.function_alias
    ADD CONSTRAINT function_alias_pkey PRIMARY KEY (name, alias);
ALTER TABLE ONLY public.function_code
    ADD CONSTRAINT function_code_pkey PRIMARY KEY (sha256);
ALTER TABLE ONLY public.function_permission
    ADD CONSTRAINT function_permission_pkey PRIMARY KEY (name, qualifier, sid);
ALTER TABLE ONLY public.function_seat
    ADD CONSTRAINT function_seat_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.function_version
    ADD CONSTRAINT function_version_pkey PRIMARY KEY (name, number);
ALTER TABLE ONLY public.history
    ADD CONSTRAINT history_pkey PRIMARY KEY (execution_id, id);
ALTER TABLE ONLY public.map_run
    ADD CONSTRAINT map_run_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.schema_migration
    ADD CONSTRAINT schema_migration_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.start_key
    ADD CONSTRAINT start_key_pkey PRIMARY KEY (key);
ALTER TABLE ONLY public.stored_function
    ADD CONSTRAINT stored_function_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.task
    ADD CONSTRAINT task_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.timer
    ADD CONSTRAINT timer_pkey PRIMARY KEY (execution_id, frame, entry, number, kind);
ALTER TABLE ONLY public.version
    ADD CONSTRAINT version_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.worker
    ADD CONSTRAINT worker_pkey PRIMARY KEY (owner);
ALTER TABLE ONLY public.workflow
    ADD CONSTRAINT workflow_pkey PRIMARY KEY (id);
CREATE UNIQUE INDEX execution_name ON public.execution USING btree (workflow_id, name) WHERE (name IS NOT NULL);
CREATE INDEX execution_nested ON public.execution USING btree (id) WHERE ((status = 'IN_PROGRESS'::text) AND (parent IS NOT NULL));
CREATE INDEX execution_of_alias ON public.execution USING btree (workflow_id, alias, id) WHERE (alias IS NOT NULL);
CREATE INDEX execution_of_map_run ON public.execution USING btree (substr(parent, 1, 40), id) WHERE (parent IS NOT NULL);
CREATE INDEX execution_of_published ON public.execution USING btree (workflow_id, published, id) WHERE (published IS NOT NULL);
CREATE INDEX execution_of_workflow ON public.execution USING btree (workflow_id, id);
CREATE INDEX execution_of_workflow_status ON public.execution USING btree (workflow_id, status, id);
CREATE INDEX execution_parent ON public.execution USING btree (parent) WHERE (parent IS NOT NULL);
CREATE INDEX execution_redriven ON public.execution USING btree (workflow_id, id) WHERE (redrives > 0);
CREATE INDEX execution_status ON public.execution USING btree (status, id);
CREATE INDEX function_seat_name ON public.function_seat USING btree (name);
CREATE INDEX function_version_code ON public.function_version USING btree (code);
CREATE INDEX map_run_of_execution ON public.map_run USING btree (execution_id, id);
CREATE UNIQUE INDEX schema_migration_name ON public.schema_migration USING btree (name);
CREATE INDEX task_beat ON public.task USING btree (beat_by) WHERE ((status = 'IN_PROGRESS'::text) AND (beat_by IS NOT NULL));
CREATE INDEX task_deadline ON public.task USING btree (deadline_at) WHERE ((status = 'IN_PROGRESS'::text) AND (deadline_at IS NOT NULL));
CREATE UNIQUE INDEX task_execution_id_number ON public.task USING btree (execution_id, number);
CREATE INDEX task_failed ON public.task USING btree (id) WHERE (status = 'FAILED'::text);
CREATE INDEX task_polled ON public.task USING btree (function, id) WHERE ((status = 'IN_PROGRESS'::text) AND (started_at IS NULL));
CREATE INDEX task_queued ON public.task USING btree (queued_at) WHERE (status = 'QUEUED'::text);
CREATE INDEX task_running ON public.task USING btree (owner) WHERE (status = 'IN_PROGRESS'::text);
CREATE INDEX timer_due_at ON public.timer USING btree (due_at);
CREATE UNIQUE INDEX version_workflow_id_number ON public.version USING btree (workflow_id, number);
CREATE UNIQUE INDEX workflow_name ON public.workflow USING btree (name);
INSERT INTO schema_migration (name, applied) VALUES ('0001_initial', '2026-11-24 00:00:00');
INSERT INTO schema_migration (name, applied) VALUES ('0002_scopes', '2026-11-24 00:00:00');
INSERT INTO schema_migration (name, applied) VALUES ('0003_heartbeats', '2026-11-24 00:00:00');
INSERT INTO schema_migration (name, applied) VALUES ('0004_parents', '2026-11-24 00:00:00');
INSERT INTO schema_migration (name, applied) VALUES ('0005_map_runs', '2026-11-24 00:00:00');
INSERT INTO schema_migration (name, applied) VALUES ('0006_function_permissions', '2026-11-24 00:00:00');
INSERT INTO schema_migration (name, applied) VALUES ('0007_function_seats', '2026-11-24 00:00:00');
INSERT INTO schema_migration (name, applied) VALUES ('0008_redrives', '2026-11-24 00:00:00');
INSERT INTO schema_migration (name, applied) VALUES ('0009_map_pieces', '2026-11-24 00:00:00');
