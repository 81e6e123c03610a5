// The chain rule of the node in focus, written out: factor by factor where all are numbers, else the form that is executed. `page` is the
// player around it: its program, its numbers now, how they are written, and what is seen (player.js). Gives what writes it anew.
'use strict';
function CGraphChain(page) {
  var program = page.program, data = page.data, rules = data.live.chain, chain = page.chain, step = page.step, now = null;
  var make = page.make, name = page.name, hidden = page.hidden, number = page.number, usual = page.usual, read = page.read, settled = page.settled, entries = page.entries;
  return strip;
  function strip() {
    chain.textContent = '';
    now = page.now();
    if (!now || !program.seed) return;
    var frame = page.frame(), chosen = page.chosen(), target = chosen ? page.nodeOf(chosen) : -1, c = frame.phase === 'back' ? page.cardOf(frame.active) : -1;
    if (target < 0 || !now.G[target] || target === program.root) {
      target = -1;
      if (frame.phase === 'update') return;
      if (c < 0 && hidden('local', program.nodes[program.root].x)) {  // nothing has come back yet
        if (!step.firstChild) chain.appendChild(make('span', 'op', 'On the way back, the chain rule stands here, factor by factor.'));
        return;
      }
      if (c >= 0 && rules[c].length) target = rules[c][0][0];
      else program.nodes.forEach(function (node, k) { if (target < 0 && node.k === 'parameter' && node.w) target = k; });
    }
    if (target < 0 || !now.G[target]) return;
    var found = paths(target), objective = '∂' + name(program.root), left = objective + '/∂' + name(target);
    if (!found.list.length || (step.firstChild && !chosen && found.list.length === 1 && found.list[0].length === 1)) return;
    var scalar = found.list.every(function (p) { return p.every(function (e) { var l = now.local(e.card, e.to); return l && l.length === 1 && now.V[e.from].length === 1; }); });
    if (!scalar && found.list.some(function (p) { return p.some(function (e) { return data.folded.indexOf(program.nodes[e.from].x) >= 0; }); })) return;  // inside a folded part
    var seed = Number(program.seed[0]), arrived = !hidden('grad', program.nodes[target].x), made = { digits: usual, sign: ' = ' };
    if (scalar && arrived && !found.more) made = settled(function (d) {
      return [found.list.reduce(function (t, path) {
        return t + path.reduce(function (q, e) { return q * read(now.local(e.card, e.to), d)[0]; }, read([seed], d)[0]);
      }, 0)];
    }, now.G[target]);
    chain.appendChild(make('span', 'head', left + ' ='));
    found.list.forEach(function (path, k) {
      if (k) chain.appendChild(make('span', 'op', '+'));
      if (scalar) {
        if (seed !== 1) chain.appendChild(pair(null, 'seed', number(seed, made.digits)));
        path.forEach(function (e, j) {
          if (j || seed !== 1) chain.appendChild(make('span', 'op', '·'));
          var open = !hidden('local', program.nodes[e.from].x);
          chain.appendChild(pair(e, symbol(e), open ? number(now.local(e.card, e.to)[0], made.digits) : '…', found.list.length > 1 && path.length > 1));
        });
      } else chain.appendChild(formula(path, objective));
    });
    if (found.more) chain.appendChild(make('span', 'op', '+ ' + found.more + ' more paths'));
    if (scalar) chain.appendChild(make('span', 'result', made.sign.slice(1) + (arrived ? number(now.G[target][0]) : '…')));
    else if (arrived) {
      var table = now.G[target].length <= 16 && entries('g' + target, program.nodes[target].s, 3);
      chain.appendChild(make('span', 'result', '='));
      if (table) chain.appendChild(typeof table === 'string' ? make('span', 'result', number(now.G[target][0])) : table);
      else chain.lastChild.remove();
    }
    // what else this step hands out: each opens its own chain
    if (c >= 0 && rules[c].length > 1 && !step.firstChild) {
      var row = make('span', 'others');
      rules[c].forEach(function (r) {
        if (r[0] === target) return;
        var g = now.share(c, r[0]), b = make('button', 'other', objective + '/∂' + name(r[0]) + (g && g.length === 1 ? ' = ' + number(g[0]) : ''));
        b.type = 'button';
        b.setAttribute('data-node', program.nodes[r[0]].x);
        row.appendChild(b);
      });
      chain.appendChild(row);
    }
  }
  function symbol(e) {  // as its card writes it: where an operand also arrives otherwise, the local gradient has a name of its own
    var row = rules[e.card].filter(function (r) { return r[0] === e.to; })[0], end = '/∂' + name(e.to);
    var own = row[1].slice(-end.length) === end && (e.from === program.root || row[1].indexOf('∂' + name(program.root) + '/') !== 0);
    return own ? row[1] : '∂' + name(e.from) + end;
  }
  function pair(e, symbol, value) {
    var b = make('button', 'factor' + (e ? ' tone-' + (data.tones[program.nodes[e.from].x] || 'other') : ''));
    b.type = 'button';
    b.appendChild(make('span', 'symbol', symbol));
    b.appendChild(make('span', 'value', value));
    if (e) b.setAttribute('data-card', program.nodes[e.from].x);
    return b;
  }
  // For matrices the form that is executed: each card's piece around what came before it.
  function formula(path, objective) {
    var whole = make('span', 'formula'), inner = null;
    path.forEach(function (e) {
      var row = rules[e.card].filter(function (r) { return r[0] === e.to; })[0], up = objective + '/∂' + name(e.from), words = row[2] || row[1];
      var first = e.from === program.root, open = !hidden('local', program.nodes[e.from].x), before = '', after = '';
      if (row[1].indexOf(objective + '/∂') === 0 && words.indexOf(up) >= 0) {
        before = words.slice(0, words.indexOf(up));
        after = words.slice(words.indexOf(up) + up.length);
      } else if (first) before = words;
      else after = ' ⊙ ' + (/[ −+]/.test(words) ? '(' + words + ')' : words);
      var piece = make('span');
      if (before) piece.appendChild(part(e, before, open));
      if (inner && !first) {
        var group_ = before || / ⊙| ·/.test(after);
        if (group_ && inner.composite) piece.appendChild(make('span', 'paren', '('));
        piece.appendChild(inner.dom);
        if (group_ && inner.composite) piece.appendChild(make('span', 'paren', ')'));
      }
      if (after) piece.appendChild(part(e, after, open));
      inner = { dom: piece, composite: true };
    });
    if (inner) whole.appendChild(inner.dom);
    return whole;
  }
  function part(e, words, open) {
    var b = make('button', 'piece tone-' + (data.tones[program.nodes[e.from].x] || 'other') + (open ? '' : ' closed'), words);
    b.type = 'button';
    b.setAttribute('data-card', program.nodes[e.from].x);
    return b;
  }
  function paths(target) {  // from the root to a node, card by card; the first few, and how many there are besides
    var steps = {}, count = {}, list = [], k;
    program.cards.forEach(function (card, c) {
      steps[card.r] = rules[c].map(function (row) { return { from: card.r, to: row[0], card: c }; });
    });
    for (k = 0; k < program.nodes.length; k++) {
      count[k] = k === target ? 1 : 0;
      if (k !== target) (steps[k] || []).forEach(function (e) { count[k] += count[e.to]; });
    }
    var stack = [{ at: program.root, path: [] }];
    while (stack.length && list.length < 4) {
      var s = stack.pop();
      if (s.at === target) { list.push(s.path); continue; }
      (steps[s.at] || []).slice().reverse().forEach(function (e) { if (count[e.to]) stack.push({ at: e.to, path: s.path.concat([e]) }); });
    }
    return { list: list, more: count[program.root] - list.length };
  }
}
