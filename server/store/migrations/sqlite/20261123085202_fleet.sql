-- +goose Up
-- add column "version" to table: "changes"
ALTER TABLE `changes` ADD COLUMN `version` integer NOT NULL DEFAULT (1);
-- create "new_instances" table
CREATE TABLE `new_instances` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `replica` text NOT NULL DEFAULT (''), `mesh` text NOT NULL, `node` text NOT NULL, `instance` text NOT NULL, `address` text NOT NULL, `ports` json NOT NULL, `seen` datetime NOT NULL);
-- copy rows from old table "instances" to new temporary table "new_instances"
INSERT INTO `new_instances` (`id`, `mesh`, `node`, `instance`, `address`, `ports`, `seen`) SELECT `id`, `mesh`, `node`, `instance`, `address`, `ports`, `seen` FROM `instances`;
-- drop "instances" table after copying rows
DROP TABLE `instances`;
-- rename temporary table "new_instances" to "instances"
ALTER TABLE `new_instances` RENAME TO `instances`;
-- create index "instance_replica_mesh_node_instance" to table: "instances"
CREATE UNIQUE INDEX `instance_replica_mesh_node_instance` ON `instances` (`replica`, `mesh`, `node`, `instance`);
-- create "authorities" table
CREATE TABLE `authorities` (`id` text NOT NULL, `certificate` blob NOT NULL, `key` blob NOT NULL, `not_after` datetime NOT NULL, `at` datetime NOT NULL, PRIMARY KEY (`id`));
-- create "replicas" table
CREATE TABLE `replicas` (`id` text NOT NULL, `name` text NOT NULL, `version` text NOT NULL, `started` datetime NOT NULL, `at` datetime NOT NULL, `state_seq` integer NOT NULL DEFAULT (0), `state` blob NULL, `counts_seq` integer NOT NULL DEFAULT (0), `counts` blob NULL, PRIMARY KEY (`id`));
-- create index "replica_at" to table: "replicas"
CREATE INDEX `replica_at` ON `replicas` (`at`);

-- +goose Down
-- reverse: create index "replica_at" to table: "replicas"
DROP INDEX `replica_at`;
-- reverse: create "replicas" table
DROP TABLE `replicas`;
-- reverse: create "authorities" table
DROP TABLE `authorities`;
-- reverse: create index "instance_replica_mesh_node_instance" to table: "instances"
DROP INDEX `instance_replica_mesh_node_instance`;
-- reverse: create "new_instances" table
DROP TABLE `new_instances`;
-- reverse: add column "version" to table: "changes"
ALTER TABLE `changes` DROP COLUMN `version`;
