"""What people look at: pictures, strips, films, the explorer and the site."""
