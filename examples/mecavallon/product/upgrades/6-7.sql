-- Version 7: orders carry a carrier.
ALTER TABLE erp.commande ADD COLUMN transporteur text NOT NULL DEFAULT '';
DROP VIEW IF EXISTS erp.stock_bas;
ALTER TABLE erp.article ALTER COLUMN stock TYPE bigint;
CREATE VIEW erp.stock_bas AS SELECT id, designation, stock FROM erp.article WHERE stock < 10;
UPDATE erp.societe SET version = '7';
