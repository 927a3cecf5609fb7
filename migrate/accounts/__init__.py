"""
Accounts: who works on a site, in which of its predefined roles.

    sheet.py      the firm's users and their roles, from a CSV or XLSX file
    provider.py   accounts at a provider, over SCIM 2.0
    creating.py   accounts as the sheet asks for them
    requests.py   what the supervisor asks for, first level only, signed and logged

Promise: an account has exactly one role, and the permissions of that role and no others.
"""
