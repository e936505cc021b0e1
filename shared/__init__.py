"""What all services share: pure rules, the event contracts and the platform they run on."""
