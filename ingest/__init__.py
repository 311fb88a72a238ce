"""From a gateway's message to committed readings and the alarms that follow from them."""
