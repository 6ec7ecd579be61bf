"""The leaderboard as a static site: pages that load nothing from elsewhere and open from the disk."""

from mbench.views.site.build import Site, build_site

__all__ = ["Site", "build_site"]
