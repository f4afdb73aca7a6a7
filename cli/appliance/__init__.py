"""The appliance from outside (up, credentials, bundle, smoke) and the service its scheduler container runs."""
