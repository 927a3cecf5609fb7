CREATE OR REPLACE FUNCTION erp.remise(numero integer) RETURNS numeric LANGUAGE sql STABLE AS $$
SELECT least(greatest(remise, 2), 40) / 100
FROM erp.client
WHERE id = numero
$$;
