-- The standard objects of version 2023, whatever stands there.
CREATE OR REPLACE FUNCTION erp.remise(numero int) RETURNS numeric LANGUAGE sql STABLE AS $$
SELECT least(remise, 40) / 100
FROM erp.client
WHERE id = numero
$$;

CREATE OR REPLACE FUNCTION erp.prix_vente(numero int) RETURNS numeric LANGUAGE plpgsql STABLE AS $$
DECLARE
    base numeric;
BEGIN
    SELECT prix INTO base FROM erp.article WHERE id = numero;

    IF base IS NULL THEN
        RETURN 0;
    END IF;

    RETURN round(base * 1.35, 2);
END
$$;

CREATE OR REPLACE VIEW erp.commande_ouverte AS
SELECT id, client_id, total, transporteur FROM erp.commande WHERE etat = 'ouverte';
