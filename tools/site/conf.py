# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Settings of Sphinx for the site that tools/docs.py puts together."""

from __future__ import annotations

project = "certops.cms"
author = "certops.cms contributors"
project_copyright = "2026 certops.cms contributors"
title = html_title = html_short_title = "certops.cms"

extensions = ["myst_parser", "sphinx.ext.intersphinx", "sphinx_antsibull_ext"]
myst_heading_anchors = 3

html_theme = "sphinx_ansible_theme"
# The theme is made for docs.ansible.com; its bar of links to there has no place in a site of one collection.
html_theme_options = {"collapse_navigation": False, "titles_only": True, "topbar_links": {}}
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_use_index = False
html_use_smartypants = False

pygments_style = "ansible"
# Most blocks without a language are what an appliance or a playbook run prints.
highlight_language = "none"

default_role = "any"
nitpicky = True
# tools/docs.py writes the inventory of what is linked there.
intersphinx_mapping = {"ansible": ("https://docs.ansible.com/projects/ansible/latest/", "ansible.inv")}
