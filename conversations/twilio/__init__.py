"""The gateway to Twilio: pure, no database and no HTTP request objects."""
