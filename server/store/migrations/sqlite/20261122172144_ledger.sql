-- +goose Up
-- create "changes" table
CREATE TABLE `changes` (`id` text NOT NULL, `mesh` text NOT NULL, `revision` integer NOT NULL, `kind` text NOT NULL, `name` text NOT NULL, `objects` json NOT NULL, `summary` text NOT NULL, `author` text NOT NULL, `reason` text NOT NULL, `at` datetime NOT NULL, `accepted_at` datetime NOT NULL, `diff` text NOT NULL, `undoes` text NULL, `key` text NULL, `digest` text NOT NULL, `state` text NOT NULL, `undone_by` text NULL, `confirm_by` datetime NULL, `confirmed_by` text NULL, `programmed` json NULL, `observed` json NULL, PRIMARY KEY (`id`));
-- create index "changes_key_key" to table: "changes"
CREATE UNIQUE INDEX `changes_key_key` ON `changes` (`key`);
-- create index "change_mesh_revision" to table: "changes"
CREATE UNIQUE INDEX `change_mesh_revision` ON `changes` (`mesh`, `revision`);
-- create index "change_state" to table: "changes"
CREATE INDEX `change_state` ON `changes` (`state`);
-- create "edits" table
CREATE TABLE `edits` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `position` integer NOT NULL, `mesh` text NOT NULL, `kind` text NOT NULL, `name` text NOT NULL, `version` integer NOT NULL, `before` json NULL, `after` json NULL, `change_id` text NOT NULL, CONSTRAINT `edits_changes_edits` FOREIGN KEY (`change_id`) REFERENCES `changes` (`id`) ON DELETE NO ACTION);
-- create index "edit_change_id_position" to table: "edits"
CREATE UNIQUE INDEX `edit_change_id_position` ON `edits` (`change_id`, `position`);
-- create index "edit_mesh_kind_name_version" to table: "edits"
CREATE UNIQUE INDEX `edit_mesh_kind_name_version` ON `edits` (`mesh`, `kind`, `name`, `version`);
-- create "instances" table
CREATE TABLE `instances` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `mesh` text NOT NULL, `node` text NOT NULL, `instance` text NOT NULL, `address` text NOT NULL, `ports` json NOT NULL, `seen` datetime NOT NULL);
-- create index "instance_mesh_node_instance" to table: "instances"
CREATE UNIQUE INDEX `instance_mesh_node_instance` ON `instances` (`mesh`, `node`, `instance`);
-- create "meshes" table
CREATE TABLE `meshes` (`name` text NOT NULL, `revision` integer NOT NULL, PRIMARY KEY (`name`));
-- create "objects" table
CREATE TABLE `objects` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `mesh` text NOT NULL, `kind` text NOT NULL, `name` text NOT NULL, `version` integer NOT NULL, `change` text NOT NULL, `body` json NULL);
-- create index "object_mesh_kind_name" to table: "objects"
CREATE UNIQUE INDEX `object_mesh_kind_name` ON `objects` (`mesh`, `kind`, `name`);

-- +goose Down
-- reverse: create index "object_mesh_kind_name" to table: "objects"
DROP INDEX `object_mesh_kind_name`;
-- reverse: create "objects" table
DROP TABLE `objects`;
-- reverse: create "meshes" table
DROP TABLE `meshes`;
-- reverse: create index "instance_mesh_node_instance" to table: "instances"
DROP INDEX `instance_mesh_node_instance`;
-- reverse: create "instances" table
DROP TABLE `instances`;
-- reverse: create index "edit_mesh_kind_name_version" to table: "edits"
DROP INDEX `edit_mesh_kind_name_version`;
-- reverse: create index "edit_change_id_position" to table: "edits"
DROP INDEX `edit_change_id_position`;
-- reverse: create "edits" table
DROP TABLE `edits`;
-- reverse: create index "change_state" to table: "changes"
DROP INDEX `change_state`;
-- reverse: create index "change_mesh_revision" to table: "changes"
DROP INDEX `change_mesh_revision`;
-- reverse: create index "changes_key_key" to table: "changes"
DROP INDEX `changes_key_key`;
-- reverse: create "changes" table
DROP TABLE `changes`;
