"""Outgoing webhooks: each event of interest becomes a notice (``following``), which is posted until it was taken
(``telling``); ``keeping`` makes, stops and repeats them."""
