-- What the application may: rows and sequences, nothing of the structure. {application} is its role.

GRANT USAGE ON SCHEMA stamm, rai, epdoc, abrechnung, schnittstelle TO {application};
GRANT SELECT, INSERT, UPDATE, DELETE
    ON ALL TABLES IN SCHEMA stamm, rai, epdoc, abrechnung, schnittstelle TO {application};
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA stamm, rai, epdoc, abrechnung, schnittstelle TO {application};
