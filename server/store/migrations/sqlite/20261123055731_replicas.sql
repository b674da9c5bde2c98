-- +goose Up
-- create "leases" table
CREATE TABLE `leases` (`name` text NOT NULL, `holder` text NOT NULL, `epoch` integer NOT NULL, `until` datetime NOT NULL, PRIMARY KEY (`name`));
-- create "notices" table
CREATE TABLE `notices` (`seq` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `kind` text NOT NULL, `mesh` text NOT NULL, `subject` text NOT NULL, `at` datetime NOT NULL);

-- +goose Down
-- reverse: create "notices" table
DROP TABLE `notices`;
-- reverse: create "leases" table
DROP TABLE `leases`;
