-- +goose Up
-- add column "approved_by" to table: "changes"
ALTER TABLE `changes` ADD COLUMN `approved_by` text NULL;
-- create "proposals" table
CREATE TABLE `proposals` (`id` text NOT NULL, `mesh` text NOT NULL, `author` text NOT NULL, `person` text NOT NULL, `reason` text NULL, `summary` text NOT NULL, `diff` text NOT NULL, `patch` json NOT NULL, `at` datetime NOT NULL, `expires` datetime NOT NULL, `state` text NOT NULL, `decided_by` text NULL, `note` text NULL, `decided_at` datetime NULL, `change` text NULL, PRIMARY KEY (`id`));
-- create index "proposal_mesh_state" to table: "proposals"
CREATE INDEX `proposal_mesh_state` ON `proposals` (`mesh`, `state`);
-- create "sessions" table
CREATE TABLE `sessions` (`id` text NOT NULL, `name` text NOT NULL, `user` text NULL, `data` blob NOT NULL, `expiry` datetime NOT NULL, `at` datetime NOT NULL, `seen` datetime NOT NULL, `agent` text NULL, `address` text NULL, PRIMARY KEY (`id`));
-- create index "session_user" to table: "sessions"
CREATE INDEX `session_user` ON `sessions` (`user`);
-- create index "session_expiry" to table: "sessions"
CREATE INDEX `session_expiry` ON `sessions` (`expiry`);
-- create index "session_name" to table: "sessions"
CREATE UNIQUE INDEX `session_name` ON `sessions` (`name`);
-- create "tokens" table
CREATE TABLE `tokens` (`id` text NOT NULL, `kind` text NOT NULL, `hash` blob NOT NULL, `sealed` blob NULL, `name` text NULL, `user` text NULL, `grants` json NULL, `mesh` text NULL, `node` text NULL, `at` datetime NOT NULL, `expires` datetime NULL, `used` datetime NULL, `revoked` datetime NULL, `revoked_by` text NULL, PRIMARY KEY (`id`));
-- create index "token_kind_user" to table: "tokens"
CREATE INDEX `token_kind_user` ON `tokens` (`kind`, `user`);
-- create index "token_mesh_node" to table: "tokens"
CREATE INDEX `token_mesh_node` ON `tokens` (`mesh`, `node`);
-- create "users" table
CREATE TABLE `users` (`id` text NOT NULL, `name` text NOT NULL, `folded` text NOT NULL, `password` text NULL, `issuer` text NULL, `subject` text NULL, `grants` json NOT NULL, `disabled` bool NOT NULL DEFAULT (false), `at` datetime NOT NULL, `seen` datetime NULL, `version` integer NOT NULL, PRIMARY KEY (`id`));
-- create index "users_folded_key" to table: "users"
CREATE UNIQUE INDEX `users_folded_key` ON `users` (`folded`);
-- create index "user_issuer_subject" to table: "users"
CREATE UNIQUE INDEX `user_issuer_subject` ON `users` (`issuer`, `subject`);

-- +goose Down
-- reverse: create index "user_issuer_subject" to table: "users"
DROP INDEX `user_issuer_subject`;
-- reverse: create index "users_folded_key" to table: "users"
DROP INDEX `users_folded_key`;
-- reverse: create "users" table
DROP TABLE `users`;
-- reverse: create index "token_mesh_node" to table: "tokens"
DROP INDEX `token_mesh_node`;
-- reverse: create index "token_kind_user" to table: "tokens"
DROP INDEX `token_kind_user`;
-- reverse: create "tokens" table
DROP TABLE `tokens`;
-- reverse: create index "session_name" to table: "sessions"
DROP INDEX `session_name`;
-- reverse: create index "session_expiry" to table: "sessions"
DROP INDEX `session_expiry`;
-- reverse: create index "session_user" to table: "sessions"
DROP INDEX `session_user`;
-- reverse: create "sessions" table
DROP TABLE `sessions`;
-- reverse: create index "proposal_mesh_state" to table: "proposals"
DROP INDEX `proposal_mesh_state`;
-- reverse: create "proposals" table
DROP TABLE `proposals`;
-- reverse: add column "approved_by" to table: "changes"
ALTER TABLE `changes` DROP COLUMN `approved_by`;
