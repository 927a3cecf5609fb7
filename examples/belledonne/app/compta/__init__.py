"""What the bookkeeping serves beside its pages: files, to whom the identity provider says."""
