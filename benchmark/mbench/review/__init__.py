"""What a maintainer does: audit, reproduce, forecast, verify, publish, freeze the reference, bench."""
