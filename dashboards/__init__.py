"""What people look at: the console's built files and Grafana's provisioned dashboards."""
