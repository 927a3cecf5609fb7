"""The demo tenant's application: visits of sales people to their customers, and what was ordered."""
