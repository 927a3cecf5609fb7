-- V5 and V6 left units empty or in lower case; from V7 on they are codes.
UPDATE erp.article SET unite = upper(coalesce(nullif(unite, ''), 'P'));
