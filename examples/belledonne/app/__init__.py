"""The demo's bookkeeping application, as it lies on the site's host."""
