-- The machines that claim to be a host, as JSON of ClaimantResource; see docs/decisions/0018.
ALTER TABLE hosts ADD COLUMN claimants TEXT NOT NULL DEFAULT '[]';
