"""The core: one deployment as a pure fold over its events. `simulator.rollout.machine` is where to begin reading."""
