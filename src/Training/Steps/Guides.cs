using ILGPU;

namespace Lia.Training.Steps;

/// <summary>What is known of the movement in pictures, to be told from their motion codes by a linear probe that is learned, too.</summary>
/// <param name="Labels">As in <see cref="TrainingBatch.Labels"/>.</param>
/// <param name="Count">Labels of a picture.</param>
/// <param name="Weight">What their mean squared error counts.</param>
/// <param name="Guide">A factor of that [1], a value of the step.</param>
/// <param name="Value">Receives the mean squared error [1].</param>
internal sealed record LabelGuide(ArrayView<float> Labels, int Count, float Weight, ArrayView<float> Guide, ArrayView<float> Value);

/// <summary>Where targets' surfaces lie in their sources, which is where warps shall read.</summary>
/// <param name="Depths">As in <see cref="TargetSurfaces.Depths"/>.</param>
/// <param name="PartNumbers">As in <see cref="TargetSurfaces.PartNumbers"/>.</param>
/// <param name="Moves">As in <see cref="TargetSurfaces.Moves"/>.</param>
/// <param name="Parts">Parts of a picture.</param>
/// <param name="Weight">What the distance counts.</param>
/// <param name="Guide">A factor of that [1], a value of the step.</param>
/// <param name="Value">Receives the distance, summed over levels [1].</param>
internal sealed record SurfaceGuide(ArrayView<byte> Depths, ArrayView<byte> PartNumbers, ArrayView<float> Moves, int Parts, float Weight,
    ArrayView<float> Guide, ArrayView<float> Value);
