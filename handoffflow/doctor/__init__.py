"""What is wrong with this installation and its Twilio account, in plain words, with what to do about it."""
