# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A simulated fleet of Meeting Servers: real SSH, SFTP, TLS and HTTP on loopback addresses.

It is the second witness of the collection's tests and imports nothing of the collection.
"""
