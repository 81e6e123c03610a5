// What a frame says to somebody who only hears: the step as a story, with its numbers, in words rather than signs. `page` is the player
// around it: its program, its numbers now, how they are written, and what is seen (player.js).
'use strict';
function CGraphStory(page) {
  var program = page.program, name = page.name;
  return { tell: tell, speak: speak, heard: heard };
  function speak(words) {
    var root = program ? name(program.root) : '';
    return words.replace(/(=.*) = (−?[\d.·⁻⁰¹²³⁴-⁹]+)$/, '$1, which is $2')
      .replace(/∂([^\s\/]+)\/∂([^\s,;:.=)·⊙]+)/g, function (_, of, to) { return 'the ' + (of === root ? 'gradient' : 'slope') + ' of ' + of + ' for ' + to; })
      .normalize('NFD').replace(/\u0302/g, ' hat').replace(/\u0304/g, ' bar').normalize('NFC')
      .replace(/ᵀ/g, ' transposed').replace(/([^⁰¹²³⁴-⁹⁻])²(?![⁰¹²³⁴-⁹])/g, '$1 squared').replace(/([^⁰¹²³⁴-⁹⁻])³(?![⁰¹²³⁴-⁹])/g, '$1 cubed')
      .replace(/⁻([ᵃ-ᶻⁿ]+)/g, function (_, letters) { return ' to the minus ' + letters.normalize('NFKD'); })
      .replace(/(⁻?)([⁰¹²³⁴-⁹]+)/g, function (_, minus, digits) { return ' to the ' + (minus ? 'minus ' : '') + digits.normalize('NFKD'); })
      .replace(/[₀-₉ₐ-ₜ⁽⁾ᵃ-ᶻⁿ]+/g, function (s) { return ' ' + s.normalize('NFKD') + ' '; })
      .replace(/σ(?=\()/g, 'sigmoid of ').replace(/σ/g, 'sigmoid').replace(/Σ/g, ' the sum of ').replace(/√/g, ' the root of ')
      .replace(/[·×]/g, ' times ').replace(/⊙/g, ' times, entry by entry, ').replace(/[÷\/]/g, ' over ').replace(/−/g, ' minus ').replace(/\+/g, ' plus ')
      .replace(/←/g, ' becomes ').replace(/→/g, ' to ').replace(/≈/g, ' is about ').replace(/=/g, ' is ').replace(/∞/g, 'infinity').replace(/_/g, ' ')
      .replace(/\s+/g, ' ').replace(/ ([.,;:)])/g, '$1').replace(/\( /g, '(').trim();
  }
  function heard(a, s) {  // a number; a few, row by row; of many, from where to where
    var words = page.printed(a, page.usual), wide = s.length ? s[s.length - 1] : 1, rows = [], k;
    if (a.length === 1) return page.number(a[0]);
    if (wide === 1) wide = a.length;  // a column
    if (a.length > 12) return s.join(' by ') + ' numbers from ' + page.number(Math.min.apply(null, a)) + ' to ' + page.number(Math.max.apply(null, a));
    for (k = 0; k < a.length; k += wide) rows.push((a.length > wide ? 'row ' + (k / wide + 1) + ': ' : '') + words.slice(k, k + wide).join(', '));
    return rows.join('; ');
  }
  function of(node, a) { return heard(a, a.length === page.now().V[node].length ? program.nodes[node].s : []); }
  function tell() {
    var frame = page.frame(), now = page.now(), c = now ? page.cardOf(frame.active) : -1, title = page.sentence(0), caption = page.sentence(1), told = [title, caption], r = c < 0 ? -1 : program.cards[c].r;
    if (now && frame.phase === 'update' && page.rate) {
      program.nodes.forEach(function (node, k) {
        if (node.k === 'parameter' && node.x && now.G[k] && node.d.length <= 12 && told.length < 8)
          told.push(name(k) + ' goes from ' + of(k, now.V[k]) + (node.d.length > 1 ? ', to ' : ' to ') + of(k, now.V[k].map(function (v, j) { return v - page.rate * now.G[k][j]; })));
      });
    } else if (c >= 0 && frame.phase === 'back') {
      // "σ received 2; its slope for z is 0.25, so it hands 0.5 to z"
      var u = now.G[r], parts = [name(r) + ' received ' + of(r, u)];
      page.rules[c].forEach(function (row) {
        var l = now.local(c, row[0]), s = now.share(c, row[0]);
        if (!s) return;
        var slope = u.length === 1 && s.length === 1 && l && l.length === 1;
        parts.push((slope ? 'its slope for ' + name(row[0]) + ' is ' + page.number(l[0]) + ', so it hands ' : 'it hands ') + of(row[0], s) + (s.length > 1 ? ', to ' : ' to ') + name(row[0]));
      });
      told = [title, parts.join('; ')];
    } else if (c >= 0 && !page.hidden('value', frame.active) && now.V[r].length > 1) told.push(name(r) + ' is ' + of(r, now.V[r]));
    return told.map(function (words) { return speak(words); }).filter(Boolean).map(function (words) { return words.replace(/[.\s]+$/, '') + '.'; }).join(' ');
  }
}
