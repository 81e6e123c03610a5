// Sums of products: einsum, convolutions of every kind. `z` are the sizes of the letters that are summed or kept; for each operand and,
// last, for the result `t` says of each of its dimensions [offset, size, letter, step, letter, step ...]. What lies outside is a rim of 0.
'use strict';
CGraphInterpreter.learn(function (kit) {
  // For each operand, and the result, the place of its factor in each product; products that meet the rim are left out. Kept on the node.
  function places(node) {
    if (node.places) return node.places;
    var letters = node.z.map(function () { return 0; }), many = kit.size(node.z), found = node.t.map(function () { return []; }), t, d, k;
    for (t = 0; t < many; t++) {
      var inside = true, at = node.t.map(function (dims) {
        var place = 0;
        dims.forEach(function (dim) {
          var i = dim[0];
          for (d = 2; d < dim.length; d += 2) i += letters[dim[d]] * dim[d + 1];
          if (i < 0 || i >= dim[1]) inside = false;
          place = place * dim[1] + i;
        });
        return place;
      });
      if (inside) at.forEach(function (p, j) { found[j].push(p); });
      for (k = letters.length - 1; k >= 0 && ++letters[k] === node.z[k]; k--) letters[k] = 0;
    }
    return (node.places = found.map(function (p) { return Int32Array.from(p); }));
  }
  function total(node, x, i, u, n) {  // into operand i, or into the result with i = −1
    var p = places(node), last = p[p.length - 1], into = i < 0 ? last : p[i], r = kit.zeros(n), t, j;
    for (t = 0; t < into.length; t++) {
      var factor = i < 0 ? 1 : u[last[t]];
      for (j = 0; j < x.length; j++) if (j !== i) factor *= x[j][p[j][t]];
      r[into[t]] += factor;
    }
    return r;
  }
  return {
    contract: {
      value: function (node, x) { return total(node, x, -1, null, kit.size(node.s)); },
      vjp: function (node, i, u, out, x) { return total(node, x, i, u, x[i].length); },
      places: places
    }
  };
});
