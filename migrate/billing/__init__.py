"""
Billing a subscription from going live on.

    dates         when each invoice is issued and due
    events        what the billing system is told, each once by its id
    delivery      signed, over HTTPS, tried again
    subscription  bringing it up to date: invoices, payments, the door of whoever has not paid
"""
