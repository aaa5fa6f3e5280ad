"""A stand-in Twilio and the customer's phone: everything the desk needs to be tried without an account.

It is a stranger to the product. It answers our REST calls and posts signed webhooks over HTTP, and all
it knows is its own ledger; it imports neither the engine nor the desk.
"""
