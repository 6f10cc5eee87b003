# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action of certops.cms.report: what is wrong with the fleet, and every certificate of it, in every form."""

from __future__ import annotations

import os
from typing import Any, ClassVar

from ansible.utils.display import Display

from ansible_collections.certops.cms.plugins.plugin_utils._action import (
    ISSUERS_SPEC,
    STATE_SPEC,
    STORE_SPEC,
    CmsAction,
)
from ansible_collections.certops.cms.plugins.plugin_utils._engine.masking import masked
from ansible_collections.certops.cms.plugins.plugin_utils._errors import BadOption, PlanRefused
from ansible_collections.certops.cms.plugins.plugin_utils._fleet import given
from ansible_collections.certops.cms.plugins.plugin_utils._fleet.plan import make_plan
from ansible_collections.certops.cms.plugins.plugin_utils._gather import GROUP, SURVEY_VARIABLE, gather, moment, plain
from ansible_collections.certops.cms.plugins.plugin_utils._record.document import collection_version
from ansible_collections.certops.cms.plugins.plugin_utils._report import as_text, compose, forms

display = Display()

FOLDER = "cms-report"
SOON = 14
FAIL_ON = (compose.ERRORS, compose.EXPIRED, compose.SOON)

#: What Ansible calls the colours; it uses them on a terminal only.
_COLOURS = {"error": "red", "warning": "yellow", "remark": "cyan", "head": "bright blue"}


class ActionModule(CmsAction):
    """One report of all nodes, whatever host the task runs on; no lock, and nothing is kept but its files."""

    BYPASS_HOST_LOOP = True
    libraries = ("cryptography", "jinja2")
    argument_spec: ClassVar[dict[str, Any]] = {
        "dest": {"type": "path"},
        "formats": {"type": "list", "elements": "str", "choices": list(forms.FORMS)},
        "paths": {"type": "dict"},
        "soon": {"type": "int"},
        "fail_on": {"type": "list", "elements": "str", "choices": list(compose.FAIL_ON)},
        "intent": {"type": "str", "choices": [given.SITE, given.RENEW], "default": given.SITE},
        "skip_nodes": {"type": "list", "elements": "str"},
        "survey_variable": {"type": "str", "default": SURVEY_VARIABLE},
        "now": {"type": "str"},
        "print": {"type": "bool", "default": True},
        **STATE_SPEC,
        **STORE_SPEC,
        **ISSUERS_SPEC,
    }

    def act(self, params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        if not (self.variables.get("groups") or {}).get(GROUP):
            raise PlanRefused(
                f"group {GROUP}",
                "holds no host, so there is nothing to report",
                f"name the inventory with -i, and put the Meeting Servers into the group {GROUP}",
            )
        soon, fail_on = self._soon(), self._listed("fail_on", compose.FAIL_ON, FAIL_ON)
        files = self._files(self._listed("formats", tuple(forms.FORMS), tuple(forms.FORMS)))
        fleet = gather(self, params["intent"], moment(params["now"]), params["survey_variable"])
        plan = make_plan(fleet)
        report = compose.make_report(fleet, plan, soon_days=soon, fail_on=fail_on, made_by=collection_version())
        report = masked(report, self._secrets())
        for form, path in files.items():
            text = forms.render(report, form)
            if not self.check_mode:
                forms.write(path, text)
        if params["print"]:
            self._print(report, files)
        return {
            "changed": False,
            "files": files,
            "written": not self.check_mode,
            **{part: report[part] for part in ("summary", "causes", "verdict")},
        }

    def _print(self, report: dict[str, Any], files: dict[str, str]) -> None:
        display.display("")
        for line, style in as_text.summary(report):
            display.display(line, color=_COLOURS.get(style))
        display.display("")
        for form, path in files.items():
            display.display(f"{form}: {path}" + (" (not written in check mode)" if self.check_mode else ""))
        display.display("")

    def _soon(self) -> int:
        value = self.option("soon", "cms_report_soon", SOON)
        if isinstance(value, bool) or not str(value).isdecimal() or int(value) > 3650:
            raise BadOption("cms_report_soon", f"is {value!r}", "give a number of days")
        return int(value)

    def _listed(self, option: str, allowed: tuple[str, ...], default: tuple[str, ...]) -> list[str]:
        value = plain(self.option(option, f"cms_report_{option}", list(default)))
        found = [value] if isinstance(value, str) else value
        if not isinstance(found, list) or not set(map(str, found)) <= set(allowed):
            raise BadOption(f"cms_report_{option}", f"is {value!r}", f"give a list of: {', '.join(allowed)}")
        return [name for name in allowed if name in found]

    def _files(self, wanted: list[str]) -> dict[str, str]:
        """Give the path of the file of each form."""
        paths = plain(self.option("paths", "cms_report_paths", {}))
        if not isinstance(paths, dict) or not set(paths) <= set(forms.FORMS):
            raise BadOption("cms_report_paths", f"is {paths!r}", f"give form: path, for {', '.join(forms.FORMS)}")
        found = {form: os.path.abspath(os.path.expanduser(str(path))) for form, path in paths.items() if form in wanted}
        if set(wanted) - set(found):
            folder = self.folder("dest", "cms_report_dir", FOLDER)
            found |= {form: os.path.join(folder, forms.FORMS[form][0]) for form in wanted if form not in found}
        return {form: found[form] for form in wanted}
