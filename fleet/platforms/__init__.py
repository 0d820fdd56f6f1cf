"""What both fleets share of ECS and Lambda: the AppSpec, revisions, and what a service refuses."""
