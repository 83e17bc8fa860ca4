"use strict";
/*
 * Draws the snapshots that the server sends (live.h says what is in them), and sends orders.
 * Nothing from a snapshot becomes markup: it is set as text.
 */
(function () {
	const WINDOW_S = 120;
	const LEAST_S = 30;
	const PARTS = ["app", "source", "relay", "broker", "consumer", "target"];
	const STATES = { up: "up", down: "down", paused: "paused", starting: "starting", ill: "ill" };
	const SVG = "http://www.w3.org/2000/svg";
	const token = document.querySelector("meta[name=token]").content;
	const whole = new Intl.NumberFormat("en");
	const one = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

	let history = [];		/* the snapshots of the last two minutes of this run */
	let last = null;
	let drawing = false;
	let said = "";			/* the server's last notice */
	let pending = {};		/* part: the state that an order has asked for */

	const by_id = (id) => document.getElementById(id);
	const is_number = (value) => typeof value === "number" && Number.isFinite(value);
	const count = (value) => is_number(value) ? whole.format(value) : "–";
	const rate = (value) => is_number(value) ? one.format(value) + "/s" : "–";
	const millis = (value) => is_number(value) ? (value < 100 ? one.format(value) : whole.format(Math.round(value))) + " ms" : "–";

	function bytes(value) {
		if (!is_number(value))
			return "–";
		const units = ["B", "kB", "MB", "GB", "TB"];
		let unit = 0;
		while (value >= 1000 && unit < units.length - 1) {
			value /= 1000;
			unit++;
		}
		return one.format(value) + " " + units[unit];
	}

	function set(element, text) {
		if (element.textContent !== text)
			element.textContent = text;
	}

	function notice(text) {
		const box = by_id("notice");
		box.hidden = text === "";
		set(box, text);
	}

	/* ---- numbers out of a snapshot ---- */

	function behind(path) {
		if (!path || !is_number(path.accepted) || !is_number(path.in_target))
			return null;
		return Math.max(path.accepted - path.in_target, 0);
	}

	function sum(snapshot, names, member) {
		let total = null;
		for (const name of names) {
			const path = (snapshot.paths || {})[name];
			if (path && is_number(path[member]))
				total = (total || 0) + path[member];
		}
		return total;
	}

	function names_of(snapshot) {
		return Object.keys(snapshot.paths || {});
	}

	/* ---- the head and the picture ---- */

	function show_head(now) {
		const phase = by_id("phase");
		set(by_id("title"), now.title || now.scenario || "outbox-compare");
		set(phase, String(now.phase || "–"));
		phase.className = "phase " + String(now.phase || "").replace(/[^a-z]/g, "");
		set(by_id("clock"), is_number(now.t)
			? "second " + Math.max(0, Math.floor(now.t)) + (is_number(now.duration_s) ? " of " + now.duration_s : "") : "");
		set(by_id("run"), [now.run, is_number(now.seed) ? "seed " + now.seed : ""].filter(Boolean).join(", "));
		set(by_id("faults"), (now.faults || []).join("; "));
	}

	function show_button(button, part, state) {
		const down = state === "down" || state === "paused";
		const order = down ? "restore" : "crash";
		set(button, (down ? "Restore " : "Crash ") + part);
		button.className = order;
		button.disabled = token === "" || !(state in STATES) || state === "starting" || state === "ill" || last.phase === "done" ||
			(part in pending && pending[part] !== state);
		if (token === "")
			button.title = "Orders are taken from the machine itself alone.";
		button.dataset.order = order;
		if (part in pending && pending[part] === state)
			delete pending[part];
	}

	function show_parts(now) {
		for (const card of document.querySelectorAll(".part")) {
			const part = card.dataset.part;
			const state = (now.parts || {})[part];
			card.className = "part " + (state in STATES ? state : "");
			set(card.querySelector(".state"), STATES[state] || "–");
			show_button(card.querySelector("button"), part, state);
		}
		const names = names_of(now);
		set(by_id("offered-rate"), rate(sum(now, names, "offered_rate")));
		set(by_id("retained"), bytes(now.retained_wal_bytes));
		set(by_id("outbox-rate"), rate(sum(now, ["outbox", "outbox-wal"], "accepted_rate")));
		set(by_id("lag"), count(now.lag));
		set(by_id("breaker"), now.breaker ? String(now.breaker).replace("_", "-") : "–");
		set(by_id("arrival-rate"), rate(sum(now, names, "in_target_rate")));
		for (const way of document.querySelectorAll(".way"))
			set(way.querySelector("b"), rate(sum(now, way.dataset.way.split(" "), "accepted_rate")));
	}

	/* ---- the ledger ---- */

	function verdict_of(now, name) {
		const closed = (now.ledger || {})[name];
		if (!closed)
			return ["open", ""];
		const wrong = [["lost", "lost"], ["duplicates", "twice"], ["order_violations", "out of order"],
			["invented", "invented"], ["unknown_missing", "in vain"], ["pending", "pending"]]
			.filter(([member]) => closed[member] > 0)
			.map(([member, word]) => count(closed[member]) + " " + word);
		if (!closed.closes)
			wrong.unshift("does not close");
		return wrong.length > 0 ? [wrong.join(", "), "bad"] : ["closed: nothing lost", ""];
	}

	function show_ledger(now) {
		const body = document.querySelector("#ledger tbody");
		const names = names_of(now);
		while (body.rows.length > names.length)
			body.deleteRow(-1);
		names.forEach((name, i) => {
			let row = body.rows[i];
			const path = now.paths[name];
			const late = behind(path);
			const [verdict, kind] = verdict_of(now, name);
			const cells = [null, count(path.offered), count(path.accepted), count(path.rejected),
				count(path.unknown), count(path.in_target), count(late), millis(path.p99_ms), verdict];
			if (row === undefined) {
				row = body.insertRow();
				for (let j = 0; j < cells.length; j++)
					row.insertCell();
				row.cells[0].append(document.createElement("span"));
			}
			row.dataset.path = name;
			row.cells[0].firstChild.className = "key p" + i;
			set(row.cells[0].firstChild, now.paths[name].title || name);
			for (let j = 1; j < cells.length; j++)
				set(row.cells[j], cells[j]);
			row.cells[3].className = path.rejected > 0 ? "late" : "";
			row.cells[6].className = late > 0 ? "late" : "";
			row.cells[8].className = kind;
		});
	}

	/* ---- charts ---- */

	function element(name, attributes) {
		const made = document.createElementNS(SVG, name);
		for (const key of Object.keys(attributes))
			made.setAttribute(key, attributes[key]);
		return made;
	}

	/* x is 0 to 1000 over the window, y 0 (top) to 100. */
	function draw(svg, lines, scale, from, nested) {
		const parts = [];
		const x = (t) => ((t - from) / span() * 1000).toFixed(1);
		parts.push(...fault_areas(x));
		lines.forEach((line, i) => {
			let text = "";
			let pen = "M";
			for (const [t, value] of line.points) {
				if (value === null || !is_number(value)) {
					pen = "M";
					continue;
				}
				text += pen + x(t) + " " + (100 - 96 * scale(value)).toFixed(1);
				pen = "L";
			}
			parts.push(element("path", { "class": line.kind || (nested ? "nested n" + i + " " : "") + "p" + i, d: text }));
		});
		svg.replaceChildren(...parts);
	}

	/* Stretches in which some fault was in force. */
	function fault_areas(x) {
		const areas = [];
		let begin = null;
		history.forEach((now, i) => {
			const broken = (now.faults || []).length > 0;
			const ends = !broken || i + 1 === history.length;
			if (broken && begin === null)
				begin = now.t;
			if (ends && begin !== null) {
				areas.push(element("rect", { "class": "fault", x: x(begin), y: 0, height: 100,
					width: Math.max(x(now.t) - x(begin), 1) }));
				begin = null;
			}
		});
		return areas;
	}

	function svg_of(name) {
		const figure = document.querySelector("[data-chart=" + name + "]");
		let svg = figure.querySelector("svg");
		if (svg === null) {
			svg = element("svg", { viewBox: "0 0 1000 100", preserveAspectRatio: "none", role: "img",
				"aria-label": figure.querySelector("figcaption").textContent });
			figure.append(svg);
		}
		return svg;
	}

	function say(name, text) {
		set(document.querySelector("[data-chart=" + name + "] output"), text);
	}

	function series(value_of) {
		return names_of(last).map((name) =>
			({ points: history.map((now) => [now.t, value_of((now.paths || {})[name])]) }));
	}

	function largest(lines) {
		let most = 0;
		for (const line of lines)
			for (const point of line.points)
				if (point[1] > most)
					most = point[1];
		return most;
	}

	function chart(name, lines, word) {
		const most = largest(lines);
		draw(svg_of(name), lines, (value) => most > 0 ? value / most : 0, start(), lines.length > 1);
		say(name, "up to " + word(most));
	}

	/* As wide as what there is, within limits. */
	const span = () => Math.min(Math.max(last.t - history[0].t, LEAST_S), WINDOW_S);
	const start = () => Math.max(last.t - span(), history[0].t);

	function draw_breaker() {
		const from = start();
		const svg = svg_of("breaker");
		const boxes = [];
		const x = (t) => (t - from) / span() * 1000;
		/* A box for each stretch of one state. */
		for (let i = 0; i < history.length;) {
			const state = history[i].breaker;
			let end = i + 1;
			while (end < history.length && history[end].breaker === state)
				end++;
			const until = end < history.length ? history[end].t : last.t;
			if (state)
				boxes.push(element("rect", { "class": String(state), x: x(history[i].t).toFixed(1), y: 0, height: 100,
					width: Math.max(x(until) - x(history[i].t), 0).toFixed(1) }));
			i = end;
		}
		svg.replaceChildren(...boxes);
		say("breaker", last.breaker ? String(last.breaker).replace("_", "-") : "not seen");
	}

	function draw_charts() {
		const latency = series((path) => path && is_number(path.p99_ms) ? path.p99_ms : null);
		const most = Math.max(largest(latency), 10);
		chart("accepted", series((path) => path ? path.accepted_rate : null), (value) => rate(value));
		chart("behind", series(behind), count);
		chart("lag", [{ kind: "plain", points: history.map((now) => [now.t, now.lag]) }], count);
		draw(svg_of("latency"), latency, (value) => value > 1 ? Math.log(value) / Math.log(most) : 0, start());
		say("latency", "up to " + millis(largest(latency)));
		draw_breaker();
	}

	function show_keys(now) {
		const keys = by_id("keys");
		const names = names_of(now);
		if (keys.children.length === names.length)
			return;
		keys.replaceChildren(...names.map((name, i) => {
			const key = document.createElement("span");
			key.className = "key p" + i;
			key.textContent = now.paths[name].title || name;
			return key;
		}));
	}

	/* What became of the last order. */
	function show_notice(now) {
		const text = now.notice || "";
		if (text !== said) {
			said = text;
			notice(text);
			if (text !== "")
				pending = {};
		}
	}

	/* ---- what comes and what goes ---- */

	function show() {
		drawing = false;
		show_notice(last);
		show_head(last);
		show_parts(last);
		show_ledger(last);
		show_keys(last);
		draw_charts();
	}

	function take(text) {
		const now = JSON.parse(text);
		if (!is_number(now.t))
			now.t = last === null ? 0 : last.t;
		/* Time that falls is another run. */
		if (last !== null && now.t < last.t) {
			history = [];
			pending = {};
		}
		last = now;
		history.push(now);
		while (history[0].t < now.t - WINDOW_S)
			history.shift();
		if (!drawing) {
			drawing = true;
			/* A page that nobody sees isn't given frames. */
			if (document.visibilityState === "hidden")
				setTimeout(show, 500);
			else
				requestAnimationFrame(show);
		}
	}

	async function order(part, what) {
		pending[part] = what === "crash" ? "down" : "up";
		show_parts(last);
		try {
			const answer = await fetch("/" + what + "/" + part, { method: "POST", headers: { "X-Outbox-Token": token } });
			if (answer.ok) {
				notice("");
				/* It may take a while, or not be possible: then the button comes back. */
				setTimeout(() => { delete pending[part]; }, 15000);
				return;
			}
			notice("The order was refused: " + (await answer.text()));
		} catch (error) {
			notice("The order could not be sent: the server doesn't answer.");
		}
		delete pending[part];
		show_parts(last);
	}

	for (const card of document.querySelectorAll(".part")) {
		const button = card.querySelector("button");
		button.textContent = "Crash " + card.dataset.part;
		button.disabled = true;
		button.addEventListener("click", () => {
			if (last !== null && PARTS.includes(card.dataset.part))
				order(card.dataset.part, button.dataset.order);
		});
	}

	const events = new EventSource("/events");
	events.onmessage = (event) => take(event.data);
	events.onopen = () => notice("");
	events.onerror = () => {
		if (last !== null && last.phase === "done") {
			events.close();
			notice("The run has ended. Its report has the rest.");
		} else
			notice("The server doesn't answer; trying again.");
	};
})();
