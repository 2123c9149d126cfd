using ILGPU;
using Lia.Kernels.Linear;
using Lia.Kernels.Losses;
using Lia.Kernels.Warping;
using Lia.Network.Graph;
using Lia.Training.Parameters;

namespace Lia.Training.Steps;

/// <content>
/// The losses that look into the generator, and not at its result:
/// <code>
///     motion codes --> probe --> squared error from the labels, back at once --> gradients of the probe and, on the way back, of the codes
///     o of a level --> distance from the surfaces' places, on the way back: added to o's gradient from above before the warp goes back
/// </code>
/// </content>
internal sealed partial class GeneratorLayers
{
    // Places of the level above, and room for the levels' shares of the distance: those of one behind those of the level above.
    private ArrayView<float> _places, _shareRoom;
    private int _shares;

    // The way back adds to the codes' gradient, which the latents' way back has made.
    private void Tell(LabelGuide guide)
    {
        const string Name = "probe";
        ArrayView<float> probe = Parameters.Value(ParameterLayout.Probe), told = Tape.Reserve((long)CodedCount * guide.Count);
        Tape.Add(Name,
            LinearKernel.PrepareScaled(Loader, new()
                { Layer = LinearRows.Dense(probe, default, _codes, Motion, told, guide.Count, CodedCount), Scale = 1 }),
            SquaredError.Prepare(Loader, new()
            {
                Values = told,
                Targets = guide.Labels,
                Gradient = told,
                Guide = guide.Guide,
                Value = guide.Value,
                Scale = guide.Weight,
            }));
        ArrayView<float> codes = _codes;
        Tape.Push(() =>
        {
            LinearBack($"{Name}, back", new()
            {
                OutputGradient = told,
                Input = codes,
                Weights = probe,
                InputGradient = _codeGradients,
                WeightGradient = Parameters.Gradient(ParameterLayout.Probe),
                Frames = CodedCount,
                Inputs = Motion,
                Outputs = guide.Count,
                Scale = 1,
                AccumulatesInput = 1,
            });
            Tape.Release(told);
        });
    }

    /// <summary>Puts the distance's gradient where o's is, or adds it; levels come from the largest to the smallest.</summary>
    /// <param name="guide">Where surfaces lie.</param>
    /// <param name="name">The level.</param>
    /// <param name="forward">Its warp.</param>
    /// <param name="gradient">The gradient of o.</param>
    /// <param name="isFirst">Whether nothing is there yet: at full size.</param>
    /// <param name="isLast">Whether there is no smaller level.</param>
    private void FollowSurfaces(
        SurfaceGuide guide, string name, FlowWarpArguments forward, ArrayView<float> gradient, bool isFirst, bool isLast)
    {
        int size = forward.Width, length = SurfaceDistance.PartialsLength(Pairs, size);
        if (isFirst)
        {
            _shares = 0;
            _shareRoom = Tape.Reserve(2L * _graph.Synthesis.Levels.Sum(level => SurfaceDistance.PartialsLength(Pairs, level.Resolution)));
        }
        ArrayView<float> finer = _places;
        _places = isLast ? default : Tape.Reserve(2L * Pairs * size * size);
        Tape.Add($"{name}, surfaces", SurfaceDistance.Prepare(Loader, new()
        {
            Flow = forward.Flow,
            Axis = forward.GridX,
            Depths = guide.Depths,
            PartNumbers = guide.PartNumbers,
            Moves = guide.Moves,
            Finer = finer,
            Places = _places,
            Gradient = gradient,
            Guide = guide.Guide,
            Partials = _shareRoom.Cast<double>().SubView(_shares, length),
            Frames = Pairs,
            Size = size,
            Parts = guide.Parts,
            Scale = guide.Weight,
            Accumulates = isFirst ? 0 : 1,
        }));
        _shares += length;
        if (finer.Length > 0) Tape.Release(finer);
        if (isLast)
        {
            Tape.Add("surfaces", LossSum.Prepare(Loader, new() { Partials = _shareRoom.Cast<double>(), Value = guide.Value }));
            Tape.Release(_shareRoom);
        }
    }
}
