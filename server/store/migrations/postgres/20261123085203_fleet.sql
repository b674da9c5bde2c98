-- +goose Up
-- modify "changes" table
ALTER TABLE "changes" ADD COLUMN "version" bigint NOT NULL DEFAULT 1;
-- drop index "instance_mesh_node_instance" from table: "instances"
DROP INDEX "instance_mesh_node_instance";
-- modify "instances" table
ALTER TABLE "instances" ADD COLUMN "replica" character varying NOT NULL DEFAULT '' COLLATE "C";
-- create index "instance_replica_mesh_node_instance" to table: "instances"
CREATE UNIQUE INDEX "instance_replica_mesh_node_instance" ON "instances" ("replica", "mesh", "node", "instance");
-- create "authorities" table
CREATE TABLE "authorities" ("id" character varying NOT NULL COLLATE "C", "certificate" bytea NOT NULL, "key" bytea NOT NULL, "not_after" timestamptz NOT NULL, "at" timestamptz NOT NULL, PRIMARY KEY ("id"));
-- create "replicas" table
CREATE TABLE "replicas" ("id" character varying NOT NULL COLLATE "C", "name" character varying NOT NULL COLLATE "C", "version" character varying NOT NULL COLLATE "C", "started" timestamptz NOT NULL, "at" timestamptz NOT NULL, "state_seq" bigint NOT NULL DEFAULT 0, "state" bytea NULL, "counts_seq" bigint NOT NULL DEFAULT 0, "counts" bytea NULL, PRIMARY KEY ("id"));
-- create index "replica_at" to table: "replicas"
CREATE INDEX "replica_at" ON "replicas" ("at");

-- +goose Down
-- reverse: create index "replica_at" to table: "replicas"
DROP INDEX "replica_at";
-- reverse: create "replicas" table
DROP TABLE "replicas";
-- reverse: create "authorities" table
DROP TABLE "authorities";
-- reverse: create index "instance_replica_mesh_node_instance" to table: "instances"
DROP INDEX "instance_replica_mesh_node_instance";
-- reverse: modify "instances" table
ALTER TABLE "instances" DROP COLUMN "replica";
-- reverse: drop index "instance_mesh_node_instance" from table: "instances"
CREATE UNIQUE INDEX "instance_mesh_node_instance" ON "instances" ("mesh", "node", "instance");
-- reverse: modify "changes" table
ALTER TABLE "changes" DROP COLUMN "version";
