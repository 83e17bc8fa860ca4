"use strict";
/*
 * The report is whole without this.  Two things are added: what a failure costs at the reader's
 * own figures, and the numbers of the second under the pointer, out of the table of the chart.
 */
(function () {
	document.documentElement.classList.add("has-script");

	/* ---- the estimate ---- */

	const form = document.querySelector("#estimate form");
	const figures = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

	function figure(name) {
		const value = Number(form.elements[name].value);
		return Number.isFinite(value) && value >= 0 ? value : NaN;
	}

	function estimate() {
		const a_year = figure("value") * figure("rate") * figure("incidents");

		for (const row of document.querySelectorAll("#estimate tbody tr")) {
			for (const cell of row.querySelectorAll("td")) {
				if (cell.dataset.missed === "" || row.dataset.duration === "")
					continue;
				const cost = a_year * Number(row.dataset.duration) * Number(cell.dataset.missed) / 100;
				let output = cell.querySelector("output");
				if (output === null) {
					output = document.createElement("output");
					cell.append(output);
				}
				output.textContent = Number.isFinite(cost) ? figures.format(cost) : "–";
			}
		}
	}

	if (form !== null) {
		form.addEventListener("input", estimate);
		form.addEventListener("submit", (event) => event.preventDefault());
		estimate();
	}

	/* ---- the numbers under the pointer ---- */

	const box = document.getElementById("pointer");

	/* "Outbox: accepted 50, rejected 0", a line for each group of the table's columns. */
	function lines_of(table, index) {
		const row = table.tBodies[0].rows[index];
		const heads = table.tHead.rows[table.tHead.rows.length - 1].cells;
		const groups = [];
		if (table.tHead.rows.length > 1) {
			for (const head of table.tHead.rows[0].querySelectorAll("th"))
				for (let i = 0; i < head.colSpan; i++)
					groups.push(head.textContent);
		}
		const lines = ["second " + row.cells[0].textContent];
		let last = null;
		for (let i = 1; i < row.cells.length; i++) {
			const text = row.cells[i].textContent;
			if (text === "")
				continue;
			const group = groups[i - 1];
			if (group === undefined)
				lines.push(heads[i].textContent + ": " + text);
			else if (group === last)
				lines[lines.length - 1] += ", " + heads[i].textContent + " " + text;
			else
				lines.push(group + ": " + heads[i].textContent + " " + text);
			last = group;
		}
		return lines;
	}

	function hide() {
		box.hidden = true;
		for (const line of document.querySelectorAll(".crosshair"))
			line.remove();
	}

	function place(event) {
		const left = event.clientX + 14 + box.offsetWidth > innerWidth
			? event.clientX - 14 - box.offsetWidth : event.clientX + 14;
		const top = Math.min(event.clientY + 14, innerHeight - box.offsetHeight - 4);
		box.style.left = Math.max(left, 4) + "px";
		box.style.top = Math.max(top, 4) + "px";
	}

	function show(event) {
		const svg = event.target.closest(".timeline .plot svg");
		hide();
		if (svg === null)
			return;
		const timeline = svg.closest(".timeline");
		const chart = svg.closest("figure");
		const table = chart.querySelector("details.data table");
		const area = svg.getBoundingClientRect();
		const share = (event.clientX - area.left) / area.width;
		const start = Number(timeline.dataset.start);
		const t = start + share * (Number(timeline.dataset.end) - start);
		const rows = table.tBodies[0].rows;
		let index = 0;
		while (index + 1 < rows.length && Number(rows[index + 1].cells[0].textContent) <= t)
			index++;
		box.textContent = lines_of(table, index).join("\n");
		box.hidden = false;
		place(event);
		for (const plot of timeline.querySelectorAll(".plot svg")) {
			const line = document.createElement("div");
			line.className = "crosshair";
			line.style.left = plot.offsetLeft === undefined
				? (plot.getBoundingClientRect().left - plot.parentNode.getBoundingClientRect().left + share * area.width) + "px"
				: (plot.offsetLeft + share * area.width) + "px";
			plot.parentNode.append(line);
		}
	}

	document.addEventListener("pointermove", show);
	document.addEventListener("pointerdown", show);
	document.addEventListener("scroll", hide, { passive: true });
})();
