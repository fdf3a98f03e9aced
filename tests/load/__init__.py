"""The page under many clients: make load MINUTES=30 CLIENTS=50."""
