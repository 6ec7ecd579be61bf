"""The leaderboard as a static site: pages that load nothing from elsewhere and open from the disk."""

from mbench.views.site.address import Address
from mbench.views.site.build import Origins, Site, build_site

__all__ = ["Address", "Origins", "Site", "build_site"]
